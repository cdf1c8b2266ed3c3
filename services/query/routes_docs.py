"""``/openapi.json`` and ``/docs``: the API's description, and a page to try it. No other server is asked."""

import hashlib
from importlib import metadata, resources

import orjson
from aiohttp import web

from services.query.openapi import merged, parts

DOCUMENT = web.AppKey("openapi", bytes)
ASSETS = {
    "docs.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def document() -> bytes:
    """Return the OpenAPI document as JSON."""
    return orjson.dumps(merged(parts().values(), metadata.version("krabbel")), option=orjson.OPT_INDENT_2)


def _answer(request: web.Request, body: bytes, content_type: str, **headers: str) -> web.Response:
    etag = hashlib.sha256(body).hexdigest()[:32]
    headers |= {"ETag": f'"{etag}"', "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if any(tag.value in ("*", etag) for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=content_type, headers=headers)


def _file(name: str) -> bytes:
    return resources.files("services.query").joinpath("static", name).read_bytes()


async def openapi(request: web.Request) -> web.Response:
    """``GET /openapi.json``."""
    return _answer(request, request.app[DOCUMENT], "application/json", **{"Access-Control-Allow-Origin": "*"})


async def page(request: web.Request) -> web.Response:
    """``GET /docs``."""
    return _answer(request, _file("docs.html"), "text/html", **{"Content-Security-Policy": _POLICY})


async def asset(request: web.Request) -> web.Response:
    """``GET /docs/{name}``: the page's script and style."""
    name = request.match_info["name"]
    return _answer(request, _file(name), ASSETS[name])


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    names = "|".join(name.replace(".", r"\.") for name in ASSETS)
    return [
        web.get("/openapi.json", openapi),
        web.get("/docs", page),
        web.get(f"/docs/{{name:(?:{names})}}", asset),
    ]
