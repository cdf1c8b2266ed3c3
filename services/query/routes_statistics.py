"""``/api/v1/days`` and ``/api/v1/stats/…``: numbers, from the rollups."""

from datetime import date

from aiohttp import web

from proto.errors import BadRequest
from services.chassis.rollups import Rollups
from services.query import statistics
from services.query.access import reader_of, visible_cameras
from services.query.parameters import Parameters
from services.query.representations import answer, form_of

ROLLUPS = web.AppKey("rollups", Rollups)


async def _day_and_cameras(request: web.Request) -> tuple[date, tuple[str, ...]]:
    principal = await reader_of(request)
    parameters = Parameters(request.query, ("day", "camera", "format"))
    day = parameters.day("day")
    if day is None:
        raise BadRequest("day: is missing. Say which day, e.g. ?day=2024-05-15; /api/v1/days lists them.")
    return day, visible_cameras(principal, parameters.cameras())


async def days(request: web.Request) -> web.Response:
    """``GET /api/v1/days``."""
    principal = await reader_of(request)
    cameras = visible_cameras(principal, Parameters(request.query, ("camera", "format")).cameras())
    rollups = request.app[ROLLUPS]
    tally = await rollups.periods(await rollups.months(cameras), cameras, ("days",))
    rows = statistics.by_day(tally)
    return answer(request, {"items": rows}, rows, form=form_of(request))


async def hours(request: web.Request) -> web.Response:
    """``GET /api/v1/stats/hours``."""
    day, cameras = await _day_and_cameras(request)
    body = statistics.by_hour(day, cameras, await request.app[ROLLUPS].day(day, cameras, ("hours",)))
    return answer(request, body, body["hours"], form=form_of(request))


async def classes(request: web.Request) -> web.Response:
    """``GET /api/v1/stats/classes``."""
    day, cameras = await _day_and_cameras(request)
    body = statistics.by_class(day, cameras, await request.app[ROLLUPS].day(day, cameras, ("runs",)))
    return answer(request, body, body["classes"], form=form_of(request))


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/api/v1/days", days),
        web.get("/api/v1/stats/hours", hours),
        web.get("/api/v1/stats/classes", classes),
    ]
