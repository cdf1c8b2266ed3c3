"""``/api/v1/stories``: what is remarkable about a day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from services.chassis.rollup_cells import Tally
from services.query import uptime
from services.query.access import reader_of, visible_cameras
from services.query.embeds.board import today_of
from services.query.parameters import Parameters
from services.query.representations import answer, form_of
from services.query.routes_about import CAMERAS
from services.query.routes_statistics import ROLLUPS
from services.query.routes_uptime import PRESENCE
from services.query.stories.leads import WINDOW_DAYS, History, leads
from services.query.stories.sentences import LANGUAGES, row_of


async def _awake(request: web.Request, wanted: tuple[str, ...], day: date) -> tuple[dict[str, int], date]:
    """Return the hours in which cameras were heard, by local day, and the cameras' own today."""
    cameras = [camera for camera in await request.app[CAMERAS].all() if not wanted or camera.camera_id in wanted]
    first = day - timedelta(days=min(WINDOW_DAYS, day.toordinal() - 1))
    heard = await request.app[PRESENCE].hours([camera.camera_id for camera in cameras], first, day)
    days = [(first + timedelta(days=number)).isoformat() for number in range((day - first).days + 1)]
    awake = dict.fromkeys(days, 0)
    for camera in cameras:
        tallies = await request.app[ROLLUPS].each(days, (camera.camera_id,), ("hours",))
        local = uptime.local_hours(heard[camera.camera_id], ZoneInfo(camera.timezone))
        for one in days:
            seen = {hour for hours in tallies[one].hours.values() for hour in hours}
            awake[one] += len(local.get(one, set()) | seen)
    return awake, today_of(cameras, datetime.now(UTC))


async def stories(request: web.Request) -> web.Response:
    """``GET /api/v1/stories``: leads of a day; without ``day``, of the last one on which anything was seen."""
    principal = await reader_of(request)
    parameters = Parameters(request.query, ("day", "camera", "lang", "format"))
    form, asked = form_of(request), parameters.day("day")
    language = parameters.choice("lang", {name: name for name in LANGUAGES}, "")
    cameras = visible_cameras(principal, parameters.cameras())
    rollups = request.app[ROLLUPS]
    ever: Tally = await rollups.periods(await rollups.months(cameras), cameras, ("days", "hours", "insect_hours"))
    last = max((day for days in ever.days.values() for day in days), default=None)
    day = asked or (date.fromisoformat(last) if last else datetime.now(UTC).date())
    awake, today = await _awake(request, cameras, day)
    of_day = await rollups.day(day, cameras, ("hours",))
    history = History(day, ever.days, of_day.hours, ever.hours, ever.insect_hours, awake, over=day < today)
    rows = [row_of(lead, cameras) for lead in leads(history)]
    if language:
        rows = [row | {"sentence": row[f"sentence_{language}"]} for row in rows]
    return answer(request, {"day": day.isoformat(), "items": rows}, rows, form=form)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/stories", stories)]
