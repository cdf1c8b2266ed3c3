"""When a camera was awake, in its own time. Plain code."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.rollup_cells import Tally
from services.query.statistics import Span, is_insect


def local_hours(moments: Iterable[datetime], zone: ZoneInfo) -> dict[str, set[int]]:
    """Return the hours of each local day in which a camera was heard."""
    days: dict[str, set[int]] = {}
    for moment in moments:
        local = moment.astimezone(zone)
        days.setdefault(local.date().isoformat(), set()).add(local.hour)
    return days


def rows(
    span: Span, camera_id: str, heard: Mapping[str, set[int]], tallies: Mapping[str, Tally]
) -> list[dict[str, Any]]:
    """Return one row per day. A run counts as having been heard: imported ones came with no upload."""
    found = []
    for day in (day.isoformat() for day in span.days()):
        tally = tallies.get(day, Tally())
        seen = {hour for hours in tally.hours.values() for hour in hours}
        hours = sorted(heard.get(day, set()) | seen)
        found.append(
            {
                "camera_id": camera_id,
                "day": day,
                "hours_heard": hours,
                "silent": not hours,
                "runs": sum(sum(counts.values()) for counts in tally.hours.values()),
                "insects": sum(sum(counts.values()) for label, counts in tally.hours.items() if is_insect(label)),
            }
        )
    return found
