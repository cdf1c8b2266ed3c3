"""Runs whose thumbnail and contact sheet are still to be made: a list that outlives workers.

A worker keeps what it has just classified in memory and makes the previews once it is idle. Into this list goes what
does not fit there: the rest of a worker that stops, what came in a rush, and what a reader asked for in vain. Taking
one lends it out for a while, so that two workers do not make the same and a lost worker's come again.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pymongo import ReturnDocument, UpdateOne

from services.chassis.database import Database, available

LENT_FOR = timedelta(minutes=5)
MOST_TRIES = 3


class PreviewsDue:
    """Repository of the list. All methods raise :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._due = database.previews_due

    async def note(self, run_ids: Iterable[str]) -> None:
        """Put runs on the list; those that stand there already stay as they are."""
        new = {"tries": 0, "not_before": datetime.now(UTC)}
        writes = [UpdateOne({"_id": run_id}, {"$setOnInsert": new}, upsert=True) for run_id in run_ids]
        if writes:
            await available(lambda: self._due.bulk_write(writes, ordered=False))

    async def take(self) -> str | None:
        """Lend out one run, or return None where none is due. What was lent out too often is given up."""
        now = datetime.now(UTC)
        change = {"$set": {"not_before": now + LENT_FOR}, "$inc": {"tries": 1}}
        await available(lambda: self._due.delete_many({"tries": {"$gte": MOST_TRIES}, "not_before": {"$lte": now}}))
        document = await available(
            lambda: self._due.find_one_and_update(
                {"not_before": {"$lte": now}}, change, sort=[("not_before", 1)], return_document=ReturnDocument.AFTER
            )
        )
        return None if document is None else str(document["_id"])

    async def done(self, run_id: str) -> None:
        """Strike a run off the list."""
        await available(lambda: self._due.delete_one({"_id": run_id}))
