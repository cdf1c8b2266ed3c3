"""``/api/v1/images/{run_id}/{sha256}.{extension}``: pictures by capability address, cacheable for ever.

No key is asked for: see docs/decisions/0003-image-addresses-are-capabilities.md.
"""

from aiohttp import web

from proto.errors import ImageNotFound, KrabbelError
from services.query.gone import answer_gone
from services.query.pictures import CONTENT_TYPES, Pictures
from services.query.routes_runs import RUNS

PICTURES = web.AppKey("pictures", Pictures)
FOR_EVER = "public, max-age=31536000, immutable"


class RangeNotSatisfiable(KrabbelError):
    """The asked bytes lie outside the picture."""

    status, slug, title = 416, "range-not-satisfiable", "The picture has no such bytes"


def byte_range(request: web.Request, size: int) -> slice | None:
    """Return the one range asked for, None for the whole; several ranges or nonsense mean the whole (RFC 9110).

    Raises:
        RangeNotSatisfiable: it begins behind the end.
    """
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None and asked.stop is None:
        return None
    start = asked.start if asked.start is not None else 0
    start = max(0, size + start) if start < 0 else start
    stop = size if asked.stop is None else min(asked.stop, size)
    if start >= size or start >= stop:
        raise RangeNotSatisfiable(f"Range: the picture has {size} bytes.")
    return slice(start, stop)


async def image(request: web.Request) -> web.Response:
    """``GET /api/v1/images/{run_id}/{sha256}.{extension}``."""
    run_id, sha256, extension = (request.match_info[name] for name in ("run_id", "sha256", "extension"))
    # "p": the public form, without metadata; its bytes are not those of the hash.
    tag, caching = f"{sha256}-p", FOR_EVER
    if asks_for_known(request, tag):
        return unchanged(tag, caching)
    try:
        data = await request.app[PICTURES].get(run_id, sha256, extension)
    except ImageNotFound:
        run = await request.app[RUNS].find(run_id)
        if run is not None and run.pictures_gone is not None:
            return answer_gone(request, run)
        raise
    return picture(request, data, CONTENT_TYPES[extension], tag, caching)


def asks_for_known(request: web.Request, tag: str) -> bool:
    """Say whether the client has what the entity tag names."""
    return any(known.value in ("*", tag) for known in request.if_none_match or ())


def unchanged(tag: str, caching: str) -> web.Response:
    """Answer 304."""
    return web.Response(status=304, headers=_headers(tag, caching))


def picture(request: web.Request, data: bytes, content_type: str, tag: str, caching: str) -> web.Response:
    """Answer a picture, or the asked bytes of it.

    Raises:
        RangeNotSatisfiable: the asked bytes lie behind its end.
    """
    headers = _headers(tag, caching)
    part = byte_range(request, len(data)) if request.headers.get("If-Range", f'"{tag}"') == f'"{tag}"' else None
    if part is None:
        return web.Response(body=data, content_type=content_type, headers=headers)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[part], content_type=content_type, headers=headers)


def _headers(tag: str, caching: str) -> dict[str, str]:
    return {
        "ETag": f'"{tag}"',
        "Cache-Control": caching,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Accept-Ranges": "bytes",
    }


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/images/{run_id:[0-9a-f]{32}}/{sha256:[0-9a-f]{64}}.{extension:(?:jpg|png|webp)}", image)]
