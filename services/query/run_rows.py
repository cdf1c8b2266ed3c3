"""A run as a flat row, and a run with only some of its fields. Plain code."""

from collections.abc import Mapping
from typing import Any

from proto.classification import RunResult
from proto.errors import BadRequest
from proto.retention import PicturesGone
from proto.run import ImageReference, TrackingRun, TrapMetadata
from proto.verification import Verification

COLUMNS = (
    "run_id", "camera_id", "tracking_id", "local_date", "local_hour", "started_at", "ended_at", "duration_s",
    "received_at", "status", "status_reason", "images", "label", "is_insect", "certainty", "probability_mean",
    "probability_weighted", "top1_images", "model_id", "classified_at", "machine_label", "verdict", "verified_by",
    "verified_at", "pictures_gone_at",
)  # fmt: skip
_OF_RESULT = (
    "certainty", "probability_mean", "probability_weighted", "top1_images", "model_id", "classified_at",
)  # fmt: skip
_OF_VERIFICATION = ("verdict", "verified_by", "verified_at")
_ELSEWHERE = (*_OF_RESULT, *_OF_VERIFICATION, "machine_label", "pictures_gone_at")
ROW_FIELDS = (
    *(name for name in COLUMNS if name not in (*_ELSEWHERE, "run_id", "images")),
    "result.label",
    "sort_at",
    "images.sha256",
    "pictures_gone.at",
    *(f"result.{name}" for name in _OF_RESULT),
    *(f"verification.{name}" for name in _OF_VERIFICATION),
)
"""What of a run document a row needs."""
_INNER = {
    "result": frozenset(RunResult.model_fields),
    "images": frozenset(ImageReference.model_fields),
    "trap": frozenset(TrapMetadata.model_fields),
    "verification": frozenset(Verification.model_fields),
    "pictures_gone": frozenset(PicturesGone.model_fields),
}
_FIELDS = frozenset((*TrackingRun.model_fields, *TrackingRun.model_computed_fields))


def row_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run document as a flat row."""
    result, said = run.get("result") or {}, run.get("verification") or {}
    row = {name: run.get(name) for name in COLUMNS if name not in _ELSEWHERE}
    return row | {
        "run_id": run["_id"],
        "images": len(run["images"]),
        **{name: result.get(name) for name in _OF_RESULT},
        **{name: said.get(name) for name in _OF_VERIFICATION},
        "machine_label": result.get("label"),
        "pictures_gone_at": (run.get("pictures_gone") or {}).get("at"),
    }


def parse_fields(text: str | None) -> tuple[str, ...]:
    """Return the fields asked for, e.g. ``run_id,result.label``; empty: all.

    Raises:
        BadRequest: a run has no such field.
    """
    fields = tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))
    for field in fields:
        head, dot, rest = field.partition(".")
        if head not in _FIELDS or (dot and rest not in _INNER.get(head, ())):
            raise BadRequest(f"fields: a run has no field {field[:80]!r}. The schema TrackingRun names them.")
    # A part of what is asked for as a whole is no projection that the database takes.
    return tuple(field for field in fields if "." not in field or field.partition(".")[0] not in fields)


def selected(document: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """Return a projected run document as it is answered: ``run_id`` for the database's ``_id``."""
    run = {name: value for name, value in document.items() if name != "_id"}
    return ({"run_id": document["_id"]} if "run_id" in fields else {}) | run
