"""The run documents, and the only place where a run's status changes.

``received -> queued -> classified``, or ``failed``; replay and reclassification lead back to ``queued``. Every change
is one conditional update, so a repeated or late caller changes nothing.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from pymongo import ReplaceOne, UpdateOne
from pymongo.read_concern import ReadConcern

from proto.classification import Classification
from proto.errors import RunNotFound
from proto.run import RunStatus, TrackingRun
from services.chassis.completion import plain, plan_completions
from services.chassis.database import Database, Document, Session, available, insert_missing
from services.chassis.group_commit import NONE, GroupCommit, Patience
from services.chassis.retention_plan import doomed_keys
from services.chassis.rollups import COUNTED_FIELDS, SHARDS, Rollups
from services.chassis.trusted import trusted

GROUP = 64
"""Results in one transaction at most."""


def to_document(run: TrackingRun) -> Document:
    """Return the run as MongoDB stores it: ``_id`` is the run id, the day is text."""
    document = run.model_dump(mode="python", exclude={"run_id"})
    document["_id"] = run.run_id
    document["local_date"] = run.local_date.isoformat()
    return plain(document)  # type: ignore[no-any-return]


def from_document(document: Document) -> TrackingRun:
    """Return the run in a document of collection ``runs``; it was validated when it was written."""
    return trusted(TrackingRun, {**document, "run_id": document["_id"]})


class Runs:
    """Repository of tracking runs.

    All methods raise :class:`proto.errors.Unavailable` while the database is away.
    """

    def __init__(self, database: Database, patience: Callable[[], Patience] = lambda: NONE) -> None:
        """``patience``: how long a result waits for others, to be written in one transaction with them."""
        self._database = database
        self._runs = database.runs
        self._rollups = Rollups(database)
        self._shard = 0
        self._completions = GroupCommit(self.complete_many, most=GROUP, patience=patience)
        self._arrivals = GroupCommit(self._receive_many, most=GROUP)
        self._confirmed = GroupCommit(self._mark_queued_many, most=GROUP)

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

    async def existing(self, run_ids: Collection[str]) -> set[str]:
        """Return those of the ids that are stored runs."""
        query = {"_id": {"$in": sorted(run_ids)}}
        documents = await available(lambda: self._runs.find(query, {"_id": 1}).to_list(None))
        return {str(document["_id"]) for document in documents}

    async def doomed(self, run_ids: Collection[str]) -> set[str]:
        """Return the keys that those runs must not have, because retention removed their pictures."""
        query = {"_id": {"$in": sorted(run_ids)}, "pictures_gone.at": {"$exists": True}}
        fields = {"pictures_gone": 1, "images.sha256": 1, "images.object_key": 1}
        documents = await available(lambda: self._runs.find(query, fields).to_list(None))
        return {key for document in documents for key in doomed_keys(from_document(document))}

    async def receive(self, run: TrackingRun) -> bool:
        """Store a run as ``received``; return False, and change nothing, where it is already there.

        Calls that come together are one request to the database (see group_commit.py).
        """
        return await self._arrivals.submit(to_document(run))

    async def _receive_many(self, documents: list[Document]) -> list[bool]:
        return await available(lambda: insert_missing(self._runs, documents))

    async def mark_queued(self, run_id: str) -> bool:
        """``received -> queued``, after the broker confirmed the job. A run that is already further stays there."""
        return await self._confirmed.submit(run_id)

    async def _mark_queued_many(self, run_ids: list[str]) -> list[bool]:
        change = {"$set": {"status": RunStatus.QUEUED.value, "queued_at": datetime.now(UTC)}}
        updates = [
            UpdateOne({"_id": run_id, "status": RunStatus.RECEIVED.value}, change) for run_id in dict.fromkeys(run_ids)
        ]
        done = await available(lambda: self._runs.bulk_write(updates, ordered=False))
        if done.matched_count == len(updates):
            return [True] * len(run_ids)
        # The answer does not say which: those that moved now have our moment.
        query = {"_id": {"$in": run_ids}, "queued_at": change["$set"]["queued_at"]}
        moved = {
            document["_id"] for document in await available(lambda: self._runs.find(query, {"_id": 1}).to_list(None))
        }
        return [run_id in moved for run_id in run_ids]

    async def complete(self, classification: Classification) -> bool:
        """``queued`` (or any) ``-> classified``: keep what the model said, make it the run's result, and count it.

        Idempotent: one document per run and model; the same verdict again changes nothing. Returns False where the run
        does not exist (any more). Calls that come together are committed together (see group_commit.py).
        """
        return await self._completions.submit(classification)

    async def complete_many(self, classifications: list[Classification]) -> list[bool]:
        """Do what :meth:`complete` does for several, as one transaction; one answer each, in order."""

        def step_aside() -> None:
            self._shard = (self._shard + 1) % SHARDS

        async def work(session: Session) -> list[bool]:
            ids = list({classification.run_id for classification in classifications})
            fields = COUNTED_FIELDS | {"status": 1, "result": 1}
            del fields["result.label"], fields["result.certainty"]
            found = self._runs.find({"_id": {"$in": ids}}, fields, session=session)
            known = {document["_id"]: document for document in await found.to_list(None)}
            plan = plan_completions(known, classifications)
            if plan.verdicts:
                await self._database.classifications.bulk_write(
                    [ReplaceOne({"_id": key}, document, upsert=True) for key, document in plan.verdicts.items()],
                    ordered=False,
                    session=session,
                )
                await self._runs.bulk_write(
                    [UpdateOne({"_id": run_id}, {"$set": change}) for run_id, change in plan.changes.items()],
                    ordered=False,
                    session=session,
                )
                await self._rollups.apply(plan.increments, self._shard, session)
            return [classification.run_id in known for classification in classifications]

        return await self._database.in_transaction(work, on_conflict=step_aside)

    async def fail(self, run_id: str, reason: str) -> bool:
        """``received | queued -> failed`` with the reason in words; a classified run stays classified."""
        return await self._move(
            run_id,
            (RunStatus.RECEIVED, RunStatus.QUEUED),
            {"status": RunStatus.FAILED.value, "status_reason": reason},
        )

    async def requeue(self, run_id: str) -> bool:
        """``failed | classified -> queued``: replay or reclassification. The old result stays till the new.

        A run whose pictures are gone stays classified: no model could look at it again.
        """
        return await self._move(
            run_id,
            (RunStatus.FAILED, RunStatus.CLASSIFIED),
            {"status": RunStatus.QUEUED.value, "status_reason": None, "queued_at": datetime.now(UTC)},
            {"pictures_gone": None},
        )

    async def stale(self, status: RunStatus, older_than: timedelta, limit: int = 500) -> list[TrackingRun]:
        """Return runs that have been in ``status`` for too long, oldest receipt first (the reconciler's work list)."""
        before = datetime.now(UTC) - older_than
        cursor = self._runs.find({"status": status.value, "received_at": {"$lt": before}}).sort("received_at", 1)
        documents = await available(lambda: cursor.limit(limit).to_list(limit))
        return [from_document(document) for document in documents]

    async def oldest(self, status: RunStatus) -> datetime | None:
        """Return when the run was received that has this status and waits longest; None if there is none."""
        query, wanted = {"status": status.value}, {"received_at": 1, "_id": 0}
        document = await available(lambda: self._runs.find_one(query, wanted, sort=[("received_at", 1)]))
        return document["received_at"] if document else None

    async def stale_queued(self, older_than: timedelta, limit: int = 500) -> list[TrackingRun]:
        """Return runs that were last published too long ago and are not classified yet, oldest receipt first."""
        before = datetime.now(UTC) - older_than
        query = {"status": RunStatus.QUEUED.value, "queued_at": {"$lt": before}}
        cursor = self._runs.find(query).sort("received_at", 1)
        documents = await available(lambda: cursor.limit(limit).to_list(limit))
        return [from_document(document) for document in documents]

    async def mark_published_again(self, run_id: str) -> bool:
        """``received | queued -> queued``, with a fresh ``queued_at``: its job was published once more."""
        return await self._move(
            run_id,
            (RunStatus.RECEIVED, RunStatus.QUEUED),
            {"status": RunStatus.QUEUED.value, "queued_at": datetime.now(UTC)},
        )

    async def count_by_status(self) -> dict[str, int]:
        """Return the number of runs in each status, zeros included.

        Exact, also after mongod was killed (its own estimate is not, from then on), and of one moment. Classified runs,
        nearly all, are those in the statistics but for the few that are being classified again: counting them one by
        one takes longer the more there are.
        """
        moving = [status.value for status in RunStatus if status is not RunStatus.CLASSIFIED]
        runs = self._runs.with_options(read_concern=ReadConcern())  # the session says "snapshot"

        async def count() -> dict[str, int]:
            async with await self._database.client.start_session(snapshot=True) as session:
                counts = {status: await runs.count_documents({"status": status}, session=session) for status in moving}
                again = {"status": {"$in": moving}, "counted": {"$ne": None}}
                counted = await self._rollups.total(session)
                counts[RunStatus.CLASSIFIED.value] = counted - await runs.count_documents(again, session=session)
                return {status.value: counts[status.value] for status in RunStatus}

        return await available(count)

    async def _move(
        self, run_id: str, allowed: tuple[RunStatus, ...], change: Document, also: Document | None = None
    ) -> bool:
        query = {"_id": run_id, "status": {"$in": [status.value for status in allowed]}, **(also or {})}
        result = await available(lambda: self._runs.update_one(query, {"$set": change}))
        return bool(result.matched_count)
