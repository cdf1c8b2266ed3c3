"""``/embed/…``: light pages for articles, without login, and what they read (docs/how-to/embeds.md)."""

import hashlib
from importlib import resources

from aiohttp import web

from proto.errors import BadRequest, NotFound, TooManyRequests
from services.query.access import SETTINGS
from services.query.embeds.hub import ALL, EmbedHub
from services.query.embeds.pages import FILES, WIDGETS, page, policy
from services.query.embeds.words import LANGUAGES
from services.query.live import Wanted
from services.query.live_readers import SseReader
from services.query.parameters import Parameters

EMBEDS = web.AppKey("embeds", EmbedHub)
HELLO = b"retry: 3000\n: krabbel embed\n\n"
BACKLOG_BYTES = 64 * 1024
PAGE_AGE_S = 300
DATA_AGE_S = 2


class EmbedsAreOff(NotFound):
    """The operator shows nothing without login."""

    slug, title = "embeds-are-off", "Embeds are switched off"


def _sites(request: web.Request) -> tuple[str, ...]:
    """Return the sites that may use the embeds.

    Raises:
        EmbedsAreOff: none may.
    """
    settings = request.app[SETTINGS]
    if not settings.embeds:
        raise EmbedsAreOff("The operator of this Krabbel shows no embeds (KRABBEL_EMBEDS).")
    return tuple(settings.embed_sites.split())


def _cors(request: web.Request) -> dict[str, str]:
    """Return the headers with which a page of another site may read the data."""
    sites = _sites(request)
    origin = request.headers.get("Origin", "")
    headers = {"Vary": "Origin", "X-Content-Type-Options": "nosniff"}
    if "*" in sites:
        return headers | {"Access-Control-Allow-Origin": "*"}
    return headers | ({"Access-Control-Allow-Origin": origin} if origin in sites else {})


def _camera(request: web.Request) -> str:
    cameras = Parameters(request.query, ("camera",)).cameras()
    if len(cameras) > 1:
        raise BadRequest("camera: an embed shows one camera, or all.")
    return cameras[0] if cameras else ALL


def _kept(request: web.Request, body: bytes, content_type: str, seconds: int, headers: dict[str, str]) -> web.Response:
    """Answer what may be kept for some seconds; 304 where the reader has exactly this."""
    etag = hashlib.blake2b(body, digest_size=16).hexdigest()
    sent = {**headers, "ETag": f'W/"{etag}"', "Cache-Control": f"public, max-age={seconds}"}
    if any(tag.value in ("*", etag) for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=sent)
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=sent)


async def widget(request: web.Request) -> web.Response:
    """``GET /embed/{widget}``: a page; ``lang``, ``camera`` and ``theme`` are read by its script as well."""
    sites = _sites(request)
    wanted = Parameters(request.query, ("lang", "camera", "theme"))
    wanted.cameras()
    language = wanted.choice("lang", {name: name for name in LANGUAGES}, LANGUAGES[0])
    headers = {"Content-Security-Policy": policy(sites), "X-Content-Type-Options": "nosniff"}
    return _kept(request, page(request.match_info["widget"], language), "text/html", PAGE_AGE_S, headers)


async def asset(request: web.Request) -> web.Response:
    """``GET /embed/{name}``: the pages' scripts and style."""
    _sites(request)
    name = request.match_info["name"]
    body = resources.files("services.query.embeds").joinpath("static", name).read_bytes()
    return _kept(request, body, FILES[name], PAGE_AGE_S, {"X-Content-Type-Options": "nosniff"})


async def data(request: web.Request) -> web.Response:
    """``GET /embed/data.json``: today's counts and the latest visitor."""
    headers = _cors(request)
    body = await request.app[EMBEDS].body(_camera(request))
    return _kept(request, body, "application/json", DATA_AGE_S, headers)


async def stream(request: web.Request) -> web.StreamResponse:
    """``GET /embed/live``: server-sent events ``visit`` (a new visitor) and ``day`` (counts that changed)."""
    headers = _cors(request)
    hub = request.app[EMBEDS]
    if hub.readers >= request.app[SETTINGS].embed_readers:
        raise TooManyRequests("As many embeds are open as this process may have; try again.")
    fan = await hub.fan(_camera(request))
    # Caddy compresses nothing that says "no-transform": collecting would hold events back.
    headers |= {"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform"}
    response = web.StreamResponse(headers=headers)
    chunked = request.version >= (1, 1)
    if chunked:
        response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(HELLO)
    if request.transport is None:
        return response
    reader = SseReader(request.transport, Wanted(), chunked=chunked, backlog_bytes=BACKLOG_BYTES)
    reader.release("")
    fan.add(reader)
    try:
        await reader.closed.wait()
    finally:
        fan.remove(reader)
    return response


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    names = "|".join(name.replace(".", r"\.") for name in FILES)
    return [
        web.get("/embed/data.json", data),
        web.get("/embed/live", stream, allow_head=False),
        web.get(f"/embed/{{name:(?:{names})}}", asset),
        web.get(f"/embed/{{widget:(?:{'|'.join(WIDGETS)})}}", widget),
    ]
