"""A run as the fast exports read it: one flat row, put together by the database, with moments as whole milliseconds.

Decoding a whole document and building contracts of it costs more than all else that such an export does. The database
sends the same facts as a plain list instead, in the order of :class:`Event`'s fields.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from services.query.exports.item import DOUBTED, LONGEST, ExportItem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)
_DOUBTED = frozenset(flag.value for flag in DOUBTED)


class Said(NamedTuple):
    """What the run's model said of its pictures, in their order: first class (None: none), probability, or an error."""

    model_id: str
    labels: Sequence[str | None]
    probabilities: Sequence[float | None]
    errors: Sequence[str]


class Event(NamedTuple):
    """A run. ``person*`` is what a human said, ``model*`` and the following what the machine did; None where not."""

    run_id: str
    camera_id: str
    tracking_id: str
    started_ms: int
    ended_ms: int
    duration_s: float
    sort_ms: int
    clock_flags: Sequence[str]
    status_reason: str | None
    person: str | None
    person_label: str | None
    person_verdict: str | None
    person_ms: int | None
    model_id: str | None
    model_label: str | None
    certainty: str | None
    top1_images: int | None
    weighted: float | None
    best_image: str | None
    classified_ms: int | None
    demo_model: bool | None
    sha256s: Sequence[str]
    object_keys: Sequence[str]
    file_names: Sequence[str]
    content_types: Sequence[str]
    taken_ms: Sequence[int | None]
    gone: Mapping[str, Any] | None
    """Where retention removed pictures: ``at``, ``why``, how many (``pictures``), and which are ``kept``."""
    said: Said | None = None

    @property
    def label(self) -> str | None:
        """The class that counts: the person's, else the machine's."""
        return self.model_label if self.person is None else self.person_label


EventBatches = AsyncIterator[Sequence[Event]]
"""As :data:`services.query.exports.item.Batches`, of events."""


def _each(path: str, value: object) -> dict[str, Any]:
    return {"$map": {"input": path, "as": "image", "in": value}}


_OF_RUN: dict[str, object] = {
    "run_id": "$_id",
    "camera_id": "$camera_id",
    "tracking_id": "$tracking_id",
    "started_ms": {"$toLong": "$started_at"},
    "ended_ms": {"$toLong": "$ended_at"},
    "duration_s": "$duration_s",
    "sort_ms": {"$toLong": "$sort_at"},
    "clock_flags": "$clock_flags",
    "status_reason": "$status_reason",
    "person": "$verification.verified_by",
    "person_label": "$verification.label",
    "person_verdict": "$verification.verdict",
    "person_ms": {"$toLong": "$verification.verified_at"},
    "model_id": "$result.model_id",
    "model_label": "$result.label",
    "certainty": "$result.certainty",
    "top1_images": "$result.top1_images",
    "weighted": "$result.probability_weighted",
    "best_image": "$result.best_image",
    "classified_ms": {"$toLong": "$result.classified_at"},
    "demo_model": "$result.demo_model",
    "sha256s": "$images.sha256",
    "object_keys": "$images.object_key",
    "file_names": "$images.file_name",
    "content_types": "$images.content_type",
    "taken_ms": _each("$images", {"$toLong": "$$image.taken_at"}),
    "gone": "$pictures_gone",
}
_OF_VERDICT: dict[str, object] = {
    "_id": "$_id",
    "sha256s": "$images.sha256",
    "model_id": "$model_id",
    "labels": _each("$images", {"$first": "$$image.top.label"}),
    "probabilities": _each("$images", {"$first": "$$image.top.probability"}),
    "errors": _each("$images", {"$ifNull": ["$$image.error", ""]}),
}
RUN_SHAPE: dict[str, Any] = {"_id": 0, "row": list(_OF_RUN.values())}
"""Projection of a run document: ``row`` holds an event's fields, but for ``said``."""
VERDICT_SHAPE: dict[str, Any] = {"_id": 0, "row": list(_OF_VERDICT.values())}
"""Projection of a classification: ``row`` holds its id, its pictures' SHA-256 and the fields of :class:`Said`."""


def events_of(rows: Sequence[Sequence[Any]], ids: Sequence[str], verdicts: Sequence[Sequence[Any]]) -> list[Event]:
    """Return the events of rows in :data:`RUN_SHAPE`, each with the verdict of its id in ``ids``. Plain code."""
    said = {verdict[0]: verdict for verdict in verdicts}
    return [
        Event._make((*row, _aligned(said.get(verdict_id), row[_SHA256S])))
        for row, verdict_id in zip(rows, ids, strict=True)
    ]


def verdict_ids(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the id of the verdict that counts for each row; of a run without one, an id that none has."""
    return [f"{row[0]}:{row[_MODEL_ID]}" for row in rows]


_MODEL_ID, _SHA256S = Event._fields.index("model_id"), Event._fields.index("sha256s")


def _aligned(verdict: Sequence[Any] | None, sha256s: Sequence[str]) -> Said | None:
    """Return a verdict with its pictures in the run's order; of pictures that it does not name nothing was said."""
    if verdict is None:
        return None
    if verdict[1] == sha256s:
        return Said(*verdict[2:])
    _, known, model_id, *columns = verdict
    found: Mapping[str, tuple[Any, ...]] = dict(zip(known, zip(*columns, strict=True), strict=True))
    rows = [found.get(sha256, (None, None, "")) for sha256 in sha256s]
    labels, probabilities, errors = ([row[place] for row in rows] for place in range(3))
    return Said(model_id, labels, probabilities, errors)


def is_doubted(event: Event) -> bool:
    """Say whether the trap's clock is not believed, as :func:`services.query.exports.item.is_doubted`."""
    return bool(event.clock_flags) and not _DOUBTED.isdisjoint(event.clock_flags)


def kept_numbers(event: Event) -> Iterable[int]:
    """Return the numbers, as they were from the start, of the pictures that are kept."""
    if event.gone is None:
        return range(len(event.sha256s))
    kept = event.gone["kept"]
    return [number for number, sha256 in enumerate(event.sha256s) if sha256 in kept]


def interval_ms(event: Event) -> tuple[int, int]:
    """Return when the insect came and left, as :func:`services.query.exports.item.interval`, to the millisecond."""
    if not is_doubted(event):
        return event.started_ms, max(event.started_ms, event.ended_ms)
    length = timedelta()
    if abs(event.duration_s) <= LONGEST.total_seconds():
        length = timedelta(seconds=max(0.0, event.duration_s))
    return (event.sort_ms * 1000 - length // _MICROSECOND) // 1000, event.sort_ms


def span_ms(event: Event, start: int, end: int) -> tuple[int, int]:
    """Return the first and last moment that a run's rows name; ``start`` and ``end`` are its interval."""
    if not is_doubted(event):
        for taken in event.taken_ms:
            if taken is not None:
                if taken < start:
                    start = taken
                elif taken > end:
                    end = taken
    return start, end


def moment_of(ms: int) -> datetime:
    """Return a moment, UTC."""
    return EPOCH + timedelta(milliseconds=ms)


def ms_of(moment: datetime) -> int:
    """Return a moment as the database keeps it: whole milliseconds since 1970."""
    return (moment - EPOCH) // _MILLISECOND


def event_of(item: ExportItem) -> Event:
    """Return a run as the database would send it (for runs that do not come from one)."""
    run, result, word = item.run, item.run.result, item.run.verification
    sha256s = [image.sha256 for image in run.images]
    said = None
    if item.verdict is not None:
        rows = [item.verdict.images.get(sha256) for sha256 in sha256s]
        said = Said(
            item.verdict.model_id,
            [(row.label or None) if row else None for row in rows],
            [row.probability if row and row.label else None for row in rows],
            [row.error if row else "" for row in rows],
        )
    person = (word.verified_by, word.label, word.verdict.value, ms_of(word.verified_at)) if word else (None,) * 4
    machine: tuple[object, ...] = (None,) * 8
    if result:
        machine = (
            result.model_id, result.label, result.certainty.value, result.top1_images, result.probability_weighted,
            result.best_image, ms_of(result.classified_at), result.demo_model,
        )  # fmt: skip
    return Event._make(
        (
            *(run.run_id, run.camera_id, run.tracking_id, ms_of(run.started_at), ms_of(run.ended_at)),
            *(run.duration_s, ms_of(run.sort_at), [flag.value for flag in run.clock_flags], run.status_reason),
            *person,
            *machine,
            sha256s,
            [image.object_key for image in run.images],
            [image.file_name for image in run.images],
            [image.content_type for image in run.images],
            [ms_of(image.taken_at) if image.taken_at else None for image in run.images],
            run.pictures_gone.model_dump() if run.pictures_gone else None,
            said,
        )
    )
