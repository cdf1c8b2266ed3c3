"""Statistics as readers see them, computed from added-up cells. Plain code."""

from datetime import date
from typing import Any

from proto.taxonomy import entry
from services.chassis.rollup_cells import Tally


def camera_of(cameras: tuple[str, ...]) -> str | None:
    """Return what answers name as their camera: one, several by commas, None for all."""
    return ",".join(cameras) or None


def insects(tally: Tally) -> int:
    """Return the number of runs whose class is an insect."""
    return sum(count for label, count in tally.runs.items() if entry(label).is_insect)


def by_hour(day: date, cameras: tuple[str, ...], tally: Tally) -> dict[str, Any]:
    """Return the day's 24 hours, quiet ones included."""
    rows = [{"hour": hour, "runs": 0, "insects": 0} for hour in range(24)]
    for label, hours in tally.hours.items():
        for hour, count in hours.items():
            rows[hour]["runs"] += count
            rows[hour]["insects"] += count if entry(label).is_insect else 0
    return {"day": day.isoformat(), "camera_id": camera_of(cameras), "hours": rows}


def by_class(day: date, cameras: tuple[str, ...], tally: Tally) -> dict[str, Any]:
    """Return the day's classes, the most frequent first, each with its share of all runs."""
    total = sum(tally.runs.values())
    rows = [
        {"label": label, "is_insect": entry(label).is_insect, "runs": runs, "share": round(runs / total, 6)}
        for label, runs in sorted(tally.runs.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {
        "day": day.isoformat(),
        "camera_id": camera_of(cameras),
        "runs": total,
        "insects": insects(tally),
        "classes": rows,
    }


def by_day(tally: Tally) -> list[dict[str, Any]]:
    """Return the days on which anything was seen, newest first."""
    runs: dict[str, list[int]] = {}
    for label, days in tally.days.items():
        insect = entry(label).is_insect
        for day, count in days.items():
            row = runs.setdefault(day, [0, 0])
            row[0] += count
            row[1] += count if insect else 0
    return [{"day": day, "runs": row[0], "insects": row[1]} for day, row in sorted(runs.items(), reverse=True)]
