"""A run as a flat row, and a run with only some of its fields. Plain code."""

from collections.abc import Mapping
from typing import Any

from proto.classification import RunResult
from proto.errors import BadRequest
from proto.run import ImageReference, TrackingRun, TrapMetadata

COLUMNS = (
    "run_id", "camera_id", "tracking_id", "local_date", "local_hour", "started_at", "ended_at", "duration_s",
    "received_at", "status", "status_reason", "images", "label", "is_insect", "certainty", "probability_mean",
    "probability_weighted", "top1_images", "model_id", "classified_at",
)  # fmt: skip
_OF_RESULT = (
    "label", "is_insect", "certainty", "probability_mean", "probability_weighted", "top1_images", "model_id",
    "classified_at",
)  # fmt: skip
ROW_FIELDS = (
    *(name for name in COLUMNS if name not in (*_OF_RESULT, "run_id", "images")),
    "sort_at",
    "images.sha256",
    *(f"result.{name}" for name in _OF_RESULT),
)
"""What of a run document a row needs."""
_INNER = {
    "result": frozenset(RunResult.model_fields),
    "images": frozenset(ImageReference.model_fields),
    "trap": frozenset(TrapMetadata.model_fields),
}


def row_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run document as a flat row."""
    result = run.get("result") or {}
    row = {name: run.get(name) for name in COLUMNS if name not in _OF_RESULT}
    return row | {
        "run_id": run["_id"],
        "images": len(run["images"]),
        **{name: result.get(name) for name in _OF_RESULT},
    }


def parse_fields(text: str | None) -> tuple[str, ...]:
    """Return the fields asked for, e.g. ``run_id,result.label``; empty: all.

    Raises:
        BadRequest: a run has no such field.
    """
    fields = tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))
    for field in fields:
        head, dot, rest = field.partition(".")
        if head not in TrackingRun.model_fields or (dot and rest not in _INNER.get(head, ())):
            raise BadRequest(f"fields: a run has no field {field[:80]!r}. The schema TrackingRun names them.")
    # A part of what is asked for as a whole is no projection that the database takes.
    return tuple(field for field in fields if "." not in field or field.partition(".")[0] not in fields)


def selected(document: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """Return a projected run document as it is answered: ``run_id`` for the database's ``_id``."""
    run = {name: value for name, value in document.items() if name != "_id"}
    return ({"run_id": document["_id"]} if "run_id" in fields else {}) | run
