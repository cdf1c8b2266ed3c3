"""``/api/v1/stats/agreement``: machine and people, answered by an index over the few runs that people looked at."""

from aiohttp import web

from services.query.access import reader_of, visible_cameras
from services.query.agreement import agreement
from services.query.parameters import Parameters
from services.query.representations import answer, form_of
from services.query.routes_runs import VERIFICATIONS
from services.query.run_filter import parse_filter, query_of


async def agree(request: web.Request) -> web.Response:
    """``GET /api/v1/stats/agreement``: of all time, or of a day or span of days."""
    principal = await reader_of(request)
    parameters = Parameters(request.query, ("day", "from", "to", "camera", "format"))
    form, selection = form_of(request), parse_filter(parameters)
    cameras = visible_cameras(principal, selection.cameras)
    query = query_of(selection.of_cameras(cameras))
    wanted = {name: condition for name, condition in query.items() if name in ("camera_id", "local_date")}
    totals, rows = agreement(await request.app[VERIFICATIONS].agreement(wanted))
    flat = [{name: value for name, value in row.items() if name != "corrected_to"} for row in rows]
    body = {"camera_id": ",".join(cameras) or None, **totals, "classes": rows}
    return answer(request, body, rows if form == "ndjson" else flat, form=form)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/stats/agreement", agree)]
