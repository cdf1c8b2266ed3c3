"""What the embeds show, as JSON that anyone may have. Plain code."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from proto.camera import Camera
from proto.taxonomy import entry
from services.chassis.rollup_cells import Tally
from services.query.statistics import Span, by_class, by_hour, totals

SHOWN = ("sure", "probable")
"""Certainties with which a visitor is shown with a name; who is unclear is counted only."""


def today_of(cameras: Iterable[Camera], now: datetime) -> date:
    """Return the local day of the cameras; where their zones differ, of the one that is furthest on."""
    days = [now.astimezone(ZoneInfo(camera.timezone)).date() for camera in cameras]
    return max(days, default=now.date())


def names_of(label: str) -> dict[str, Any]:
    """Return a class as the pages need it: they have no taxonomy of their own."""
    taxon = entry(label)
    return {"label": label, "name_de": taxon.name_de, "name_en": taxon.name_en, "color": taxon.color}


def day_of(day: date, tally: Tally) -> dict[str, Any]:
    """Return a day's counts: insects by hour and by class."""
    span = Span(day, day)
    return {
        "day": day.isoformat(),
        "insects": totals(tally)["insects"],
        "hours": [row["insects"] for row in by_hour(span, tally)],
        "classes": [
            names_of(row["label"]) | {"runs": row["runs"]} for row in by_class(span, tally) if row["is_insect"]
        ],
    }


def visit_of(run: Mapping[str, Any], label: str, camera: Camera | None) -> dict[str, Any] | None:
    """Return a visitor as the public may see it; None where it is no insect, or not clearly one.

    ``run``: as the API answers it, or as the database keeps it. A moment is text or a datetime.
    """
    result = run.get("result")
    if not result or not entry(label).is_insect or str(result["certainty"]) not in SHOWN:
        return None
    return names_of(label) | {
        "scientific_name": entry(label).scientific_name,
        "certainty": str(result["certainty"]),
        "at": run["sort_at"],
        "camera_id": run["camera_id"],
        "camera": camera.name if camera else run["camera_id"],
        "timezone": camera.timezone if camera else "Europe/Berlin",
        "credit": camera.credit if camera else "",
        "licence": camera.licence if camera else "",
        # The best picture, 320 px at most. Its address is the permission to see it (docs/decisions/0003).
        "picture": f"/api/v1/runs/{run.get('run_id') or run['_id']}/thumbnail",
        "demo": bool(result.get("demo_model")),
    }


def cut(visit: Mapping[str, Any]) -> datetime:
    """Return when a visit was; later ones replace it."""
    at = visit["at"]
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)
