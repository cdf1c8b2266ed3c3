"""``/api/v1/days`` and ``/api/v1/stats/…``: numbers, from the rollups."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime

from aiohttp import web

from proto.errors import BadRequest
from services.chassis.rollup_cells import Facet, Tally
from services.chassis.rollups import Rollups
from services.query import statistics
from services.query.access import reader_of, visible_cameras
from services.query.parameters import Parameters
from services.query.representations import answer, form_of
from services.query.statistics import Row, Span

ROLLUPS = web.AppKey("rollups", Rollups)
LONGEST_DAYS = 366 * 20
Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class View:
    """One statistic of a day or a span: what it loads, what its rows are called, and how they are made."""

    rows_name: str
    facet: Facet
    rows: Callable[[Span, Tally], list[Row]]
    with_totals: bool = False


VIEWS = {
    "hours": View("hours", "hours", statistics.by_hour),
    "classes": View("classes", "runs", statistics.by_class, with_totals=True),
    "days": View("days", "days", statistics.by_day),
    "class-hours": View("classes", "hours", statistics.class_by_hour),
    "class-days": View("classes", "days", statistics.class_by_day),
    "durations": View("classes", "time", statistics.durations),
    "certainty": View("classes", "certainty", statistics.certainties),
}


def span_of(parameters: Parameters) -> Span:
    """Return the days asked for: ``day``, or ``from`` and ``to``.

    Raises:
        BadRequest: neither, both, moments instead of days, or more than twenty years.
    """
    day, first, last = parameters.day("day"), parameters.moment("from"), parameters.moment("to")
    if day is not None and (first or last):
        raise BadRequest("day: give either a day, or from and to; not both.")
    if day is not None:
        return Span(day, day)
    if first is None or last is None:
        raise BadRequest("day: is missing. Give day=2024-05-15, or from and to; /api/v1/days lists the days.")
    for name, value in (("from", first), ("to", last)):
        if isinstance(value, datetime):
            raise BadRequest(f"{name}: statistics are of whole local days; give a day as YYYY-MM-DD.")
    if first > last:
        raise BadRequest("from: lies after 'to'.")
    if (last - first).days > LONGEST_DAYS:
        raise BadRequest(f"to: at most {LONGEST_DAYS} days at once.")
    return Span(first, last)


def _handler(view: View) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        principal = await reader_of(request)
        parameters = Parameters(request.query, ("day", "from", "to", "camera", "format"))
        form, span = form_of(request), span_of(parameters)
        cameras = visible_cameras(principal, parameters.cameras())
        facets: tuple[Facet, ...] = ("time", "durations") if view.facet == "time" else (view.facet,)
        # Days of the month are counted in the months' documents only.
        periods = span.months() if view.facet == "days" else span.periods()
        tally = await request.app[ROLLUPS].periods(periods, cameras, facets)
        rows = view.rows(span, tally)
        body = span.named(cameras) | (statistics.totals(tally) if view.with_totals else {}) | {view.rows_name: rows}
        return answer(request, body, rows, form=form)

    return handle


async def _all_time(request: web.Request, *facets: Facet) -> tuple[Tally, tuple[str, ...]]:
    """Return everything ever counted for the cameras asked for."""
    principal = await reader_of(request)
    cameras = visible_cameras(principal, Parameters(request.query, ("camera", "format")).cameras())
    rollups = request.app[ROLLUPS]
    return await rollups.periods(await rollups.months(cameras), cameras, facets), cameras


async def days(request: web.Request) -> web.Response:
    """``GET /api/v1/days``."""
    tally, _ = await _all_time(request, "days")
    rows = statistics.days_seen(tally)
    return answer(request, {"items": rows}, rows, form=form_of(request))


async def sightings(request: web.Request) -> web.Response:
    """``GET /api/v1/stats/sightings``: each class with the days of its first and last sighting."""
    tally, cameras = await _all_time(request, "days")
    rows = statistics.sightings(tally)
    return answer(request, {"camera_id": ",".join(cameras) or None, "classes": rows}, rows, form=form_of(request))


async def records(request: web.Request) -> web.Response:
    """``GET /api/v1/stats/records``: the busiest day and hour."""
    tally, cameras = await _all_time(request, "days", "insect_hours")
    body = {"camera_id": ",".join(cameras) or None} | statistics.records(tally)
    return answer(request, body, [body], form=form_of(request))


async def comparison(request: web.Request) -> web.Response:
    """``GET /api/v1/stats/comparison``: a day beside the day before, last week's and last year's."""
    principal = await reader_of(request)
    parameters = Parameters(request.query, ("day", "camera", "format"))
    day: date | None = parameters.day("day")
    if day is None:
        raise BadRequest("day: is missing. Say which day to compare, e.g. ?day=2024-05-15.")
    cameras = visible_cameras(principal, parameters.cameras())
    compared = statistics.compared_days(day)
    tallies = await request.app[ROLLUPS].each([day.isoformat() for day in compared.values()], cameras, ("runs",))
    body = statistics.comparison(compared, tallies)
    rows = [{"compared": name, **row} for name, row in body.items()]
    return answer(request, {"camera_id": ",".join(cameras) or None} | body, rows, form=form_of(request))


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/api/v1/days", days),
        *(web.get(f"/api/v1/stats/{name}", _handler(view)) for name, view in VIEWS.items()),
        web.get("/api/v1/stats/sightings", sightings),
        web.get("/api/v1/stats/records", records),
        web.get("/api/v1/stats/comparison", comparison),
    ]
