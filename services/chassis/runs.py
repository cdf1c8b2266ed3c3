"""The run documents, and the only place where a run's status changes.

``received -> queued -> classified``, or ``failed``; replay and reclassification lead back to ``queued``. Every change
is one conditional update, so a repeated or late caller changes nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from proto.classification import Classification
from proto.errors import RunNotFound
from proto.run import RunStatus, TrackingRun
from services.chassis.database import Database, Document, available, insert_once


def to_document(run: TrackingRun) -> Document:
    """Return the run as MongoDB stores it: ``_id`` is the run id, the day is text."""
    document = run.model_dump(mode="python", exclude={"run_id"})
    document["_id"] = run.run_id
    document["local_date"] = run.local_date.isoformat()
    return _plain(document)  # type: ignore[no-any-return]


def from_document(document: Document) -> TrackingRun:
    """Return the run in a document of collection ``runs``."""
    return TrackingRun.model_validate({**document, "run_id": document["_id"]})


def _plain(value: Any) -> Any:
    """Turn enums, tuples and sets into what BSON knows."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value


class Runs:
    """Repository of tracking runs.

    All methods raise :class:`proto.errors.Unavailable` while the database is away.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs = database.runs

    async def get(self, run_id: str) -> TrackingRun:
        """Return a run.

        Raises:
            RunNotFound: there is none with this id.
        """
        document = await available(lambda: self._runs.find_one({"_id": run_id}))
        if document is None:
            raise RunNotFound(f"No tracking run has the id {run_id!r}.")
        return from_document(document)

    async def exists(self, run_id: str) -> bool:
        """Say whether the run is stored."""
        return await available(lambda: self._runs.find_one({"_id": run_id}, {"_id": 1})) is not None

    async def receive(self, run: TrackingRun) -> bool:
        """Store a run as ``received``; return False, and change nothing, where it is already there."""
        document = to_document(run)
        return await available(lambda: insert_once(self._runs, document))

    async def mark_queued(self, run_id: str) -> bool:
        """``received -> queued``, after the broker confirmed the job. A run that is already further stays there."""
        return await self._move(
            run_id, (RunStatus.RECEIVED,), {"status": RunStatus.QUEUED.value, "queued_at": datetime.now(UTC)}
        )

    async def complete(self, classification: Classification) -> bool:
        """``queued`` (or any) ``-> classified``: keep what the model said, and make it the run's result.

        Idempotent: one document per run and model, the same result again changes nothing that counts.
        Returns False where the run does not exist (any more).
        """
        document = _plain(classification.model_dump(mode="python"))
        key = f"{classification.run_id}:{classification.model_id}"
        await available(lambda: self._database.classifications.replace_one({"_id": key}, document, upsert=True))
        return await self._move(
            classification.run_id,
            tuple(RunStatus),
            {
                "status": RunStatus.CLASSIFIED.value,
                "status_reason": None,
                "classified_at": classification.result.classified_at,
                "result": document["result"],
            },
        )

    async def fail(self, run_id: str, reason: str) -> bool:
        """``received | queued -> failed`` with the reason in words; a classified run stays classified."""
        return await self._move(
            run_id,
            (RunStatus.RECEIVED, RunStatus.QUEUED),
            {"status": RunStatus.FAILED.value, "status_reason": reason},
        )

    async def requeue(self, run_id: str) -> bool:
        """``failed | classified -> queued``: replay or reclassification. The old result stays till the new."""
        return await self._move(
            run_id,
            (RunStatus.FAILED, RunStatus.CLASSIFIED),
            {"status": RunStatus.QUEUED.value, "status_reason": None, "queued_at": datetime.now(UTC)},
        )

    async def stale(self, status: RunStatus, older_than: timedelta, limit: int = 500) -> list[TrackingRun]:
        """Return runs that have been in ``status`` for too long, oldest receipt first (the reconciler's work list)."""
        before = datetime.now(UTC) - older_than
        cursor = self._runs.find({"status": status.value, "received_at": {"$lt": before}}).sort("received_at", 1)
        documents = await available(lambda: cursor.limit(limit).to_list(limit))
        return [from_document(document) for document in documents]

    async def count_by_status(self) -> dict[str, int]:
        """Return the number of runs in each status, zeros included (index scan)."""
        pipeline = [{"$group": {"_id": "$status", "runs": {"$sum": 1}}}]
        rows = await available(lambda: self._runs.aggregate(pipeline).to_list(None))
        return {status.value: 0 for status in RunStatus} | {row["_id"]: row["runs"] for row in rows}

    async def _move(self, run_id: str, allowed: tuple[RunStatus, ...], change: Document) -> bool:
        query = {"_id": run_id, "status": {"$in": [status.value for status in allowed]}}
        result = await available(lambda: self._runs.update_one(query, {"$set": change}))
        return bool(result.matched_count)
