"""``/api/v1/alerts.atom``: what was worth telling people, for feed readers."""

from aiohttp import web

from services.query.access import PUBLIC, SETTINGS, reader_of
from services.query.alerts.atom import feed
from services.query.alerts.keeper import AlertKeeper
from services.query.parameters import Parameters

ALERTS = web.AppKey("alerts", AlertKeeper)
OPERATORS_ONLY = frozenset({"silent_camera", "dead_letter"})


async def alerts_atom(request: web.Request) -> web.Response:
    """``GET /api/v1/alerts.atom``. The public gets no alert about operation; a camera's key only that camera's."""
    principal = await reader_of(request)
    Parameters(request.query, ())
    alerts = await request.app[ALERTS].latest()
    if principal is PUBLIC:
        alerts = [alert for alert in alerts if alert["kind"] not in OPERATORS_ONLY]
    elif principal.camera_id is not None:
        alerts = [alert for alert in alerts if alert.get("camera_id") == principal.camera_id]
    settings = request.app[SETTINGS]
    body = feed(alerts, settings.public_url.rstrip("/"), settings.alert_language)
    headers = {"Cache-Control": "no-cache"}
    return web.Response(body=body, content_type="application/atom+xml", charset="utf-8", headers=headers)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/alerts.atom", alerts_atom)]
