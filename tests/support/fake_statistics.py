"""Statistics of the stand-in for the query service: the real arithmetic, over runs in memory."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from proto.run import TrackingRun
from services.chassis.rollup_cells import Contribution, Increments, Tally, nested
from services.query import statistics
from services.query.routes_statistics import VIEWS
from services.query.statistics import Span
from services.query.stories.leads import History, leads
from services.query.stories.sentences import row_of


def tally_of(runs: Iterable[TrackingRun], camera: str = "*") -> Tally:
    """Return the counts of all these runs."""
    increments = Increments()
    for run in runs:
        increments.change(None, Contribution.of(run.model_dump(mode="json")))
    tally = Tally()
    for (counted, period), counts in increments.by_document.items():
        if counted == camera and len(period) == 7:
            tally.add({"period": period, **nested(counts)})
    return tally


def _between(runs: Iterable[TrackingRun], span: Span) -> list[TrackingRun]:
    return [run for run in runs if span.first <= run.local_date <= span.last]


def stories(runs: list[TrackingRun], query: Mapping[str, str], today: date) -> Any:
    """Answer ``/api/v1/stories``."""
    ever = tally_of(runs)
    days = sorted({day for days in ever.days.values() for day in days})
    day = date.fromisoformat(query.get("day") or (days[-1] if days else str(today)))
    hours = tally_of(_between(runs, Span(day, day))).hours
    awake = dict.fromkeys(days, 12)
    history = History(day, ever.days, hours, ever.hours, ever.insect_hours, awake, over=day < today)
    return {"day": str(day), "items": [row_of(lead, ()) for lead in leads(history)]}


def answer(name: str, runs: list[TrackingRun], query: Mapping[str, str], cameras: Iterable[str]) -> Any:
    """Answer ``/api/v1/stats/<name>`` or ``/api/v1/days``; None for what is not known."""
    camera = query.get("camera", "*")
    if name == "days" and "from" not in query and "day" not in query:
        return {"items": statistics.days_seen(tally_of(runs, camera))}
    if name == "sightings":
        return {"camera_id": None, "classes": statistics.sightings(tally_of(runs, camera))}
    if name == "records":
        return {"camera_id": None} | statistics.records(tally_of(runs, camera))
    if name == "comparison":
        days = statistics.compared_days(date.fromisoformat(query["day"]))
        tallies = {str(day): tally_of(_between(runs, Span(day, day)), camera) for day in days.values()}
        return {"camera_id": None} | statistics.comparison(days, tallies)
    span = Span(
        date.fromisoformat(query.get("from") or query["day"]), date.fromisoformat(query.get("to") or query["day"])
    )
    chosen = _between(runs, span)
    if name == "uptime":
        return span.named(()) | {"cameras": [row for one in cameras for row in _uptime(one, chosen, span)]}
    if name not in VIEWS:
        return None
    view, tally = VIEWS[name], tally_of(chosen, camera)
    totals = statistics.totals(tally) if view.with_totals else {}
    return span.named(()) | totals | {view.rows_name: view.rows(span, tally)}


def _uptime(camera: str, runs: list[TrackingRun], span: Span) -> list[dict[str, Any]]:
    rows = []
    for day in span.days():
        mine = [run for run in runs if run.camera_id == camera and run.local_date == day and run.result]
        hours = sorted({run.local_hour for run in mine})
        insects = sum(run.result.is_insect for run in mine if run.result)
        rows.append(
            {"camera_id": camera, "day": str(day), "hours_heard": hours, "silent": not hours, "runs": len(mine),
             "insects": insects}
        )  # fmt: skip
    return rows
