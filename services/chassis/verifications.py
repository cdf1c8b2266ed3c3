"""What people say of runs, in the database: one transaction keeps the decision, changes the run and its count.

It meets a classifier's transaction at the run's document: one of the two is tried again and sees what the other wrote,
so neither a person's word nor a count is lost (runs.py does the same from its side).
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import UpdateOne

from proto.verification import (
    Verification,
    VerificationItem,
    VerificationRecord,
    VerifiedItem,
)
from services.chassis.database import Database, Document, Session, available
from services.chassis.rollups import COUNTED_FIELDS, SHARDS, Rollups
from services.chassis.verification_plan import VerificationPlan, plan_verifications

_FIELDS = {name: 1 for name in COUNTED_FIELDS if not name.startswith("result.")} | {"result": 1}
SPOKEN = {"verification.label": {"$gt": ""}}
"""Runs on which a person has spoken, in a form that an index answers without the documents."""


class Verifications:
    """Repository of people's decisions. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rollups = Rollups(database)
        self._shard = 0

    async def decide(
        self, items: Sequence[VerificationItem], by: str, *, cameras: Collection[str] = ()
    ) -> list[VerifiedItem]:
        """Make each item the run's verification (None: withdraw it); one answer each, in order.

        All or nothing. The same again changes nothing. With ``cameras``, runs of other cameras are not found.

        Raises:
            UnknownLabel: a class is neither in the taxonomy nor what the machine said; nothing was changed.
        """
        now = datetime.now(UTC)
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as exact as the database keeps it
        query: Document = {"_id": {"$in": [item.run_id for item in items]}}
        if cameras:
            query["camera_id"] = {"$in": sorted(cameras)}

        def step_aside() -> None:
            self._shard = (self._shard + 1) % SHARDS

        async def work(session: Session) -> VerificationPlan:
            found = await self._database.runs.find(query, _FIELDS, session=session).to_list(None)
            plan = plan_verifications({run["_id"]: run for run in found}, items, by, at)
            if plan.changes:
                await self._database.verifications.insert_many(plan.records, session=session)
                await self._database.runs.bulk_write(
                    [UpdateOne({"_id": run_id}, {"$set": change}) for run_id, change in plan.changes.items()],
                    ordered=False,
                    session=session,
                )
                await self._rollups.apply(plan.increments, self._shard, session)
            return plan

        plan = await self._database.in_transaction(work, on_conflict=step_aside)
        return [
            VerifiedItem(
                run_id=run_id,
                outcome=outcome,
                verification=Verification.model_validate(word) if word else None,
            )
            for run_id, outcome, word in plan.outcomes
        ]

    async def history(self, run_id: str) -> list[VerificationRecord]:
        """Return all decisions on a run, the newest first."""
        cursor = self._database.verifications.find({"run_id": run_id}).sort([("verified_at", -1), ("_id", -1)])
        return [VerificationRecord.model_validate(record) for record in await available(lambda: cursor.to_list(None))]

    async def agreement(self, selection: Document) -> dict[tuple[str, str], int]:
        """Return how many verified runs there are by (what the machine says now, what a person said).

        ``selection`` may name ``camera_id`` and ``local_date``: the index ``agreement`` then answers alone.
        """
        pipeline: list[Document] = [
            {"$match": {**SPOKEN, **selection}},
            {"$group": {"_id": {"machine": "$result.label", "person": "$verification.label"}, "runs": {"$sum": 1}}},
        ]
        found = self._database.runs.aggregate(pipeline)
        rows: list[dict[str, Any]] = await available(lambda: found.to_list(None))
        return {(row["_id"]["machine"], row["_id"]["person"]): row["runs"] for row in rows}


async def store_labels(database: Database) -> int:
    """Store the class that counts in documents written before there was such a field; returns how many lacked it.

    Until then lists by class do not find them. With the index it costs one look where nothing is missing.
    """
    missing = {"label": {"$exists": False}, "result": {"$ne": None}}
    change = [{"$set": {"label": "$result.label", "is_insect": "$result.is_insect"}}]
    result = await available(lambda: database.runs.update_many(missing, change))
    return int(result.modified_count)
