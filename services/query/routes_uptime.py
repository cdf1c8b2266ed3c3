"""``/api/v1/stats/uptime``: when each camera was awake."""

from zoneinfo import ZoneInfo

from aiohttp import web

from proto.errors import BadRequest
from services.chassis.presence import Presence
from services.query import uptime
from services.query.access import reader_of, visible_cameras
from services.query.parameters import Parameters
from services.query.representations import answer, form_of
from services.query.routes_about import CAMERAS
from services.query.routes_statistics import ROLLUPS, span_of

PRESENCE = web.AppKey("presence", Presence)
LONGEST_DAYS = 100


async def uptimes(request: web.Request) -> web.Response:
    """``GET /api/v1/stats/uptime``: per camera and day, the hours in which it was heard; silence is no absence."""
    principal = await reader_of(request)
    parameters = Parameters(request.query, ("day", "from", "to", "camera", "format"))
    form, span = form_of(request), span_of(parameters)
    if (span.last - span.first).days >= LONGEST_DAYS:
        raise BadRequest(f"to: at most {LONGEST_DAYS} days at once.")
    wanted = visible_cameras(principal, parameters.cameras())
    cameras = [camera for camera in await request.app[CAMERAS].all() if not wanted or camera.camera_id in wanted]
    heard = await request.app[PRESENCE].hours([camera.camera_id for camera in cameras], span.first, span.last)
    days = [day.isoformat() for day in span.days()]
    rows = []
    for camera in cameras:
        tallies = await request.app[ROLLUPS].each(days, (camera.camera_id,), ("hours",))
        local = uptime.local_hours(heard[camera.camera_id], ZoneInfo(camera.timezone))
        rows += uptime.rows(span, camera.camera_id, local, tallies)
    return answer(request, span.named(wanted) | {"cameras": rows}, rows, form=form)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/stats/uptime", uptimes)]
