"""Retention in the database: the operator's rules, what sweeps did, which runs may be looked at, and the mark in a run.

The mark (``pictures_gone``) is set first, in one conditional update that a person's word, a replay or another verdict
makes impossible; it carries ``pending`` until the objects are removed. So whatever is broken off between the two is
found again by ``pending``, and is simply removed once more.
"""

import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from pymongo import UpdateOne

from proto.errors import BadRequest, UnknownLabel
from proto.retention import RetentionForecast, RetentionMode, RetentionRules, RetentionState, RetentionSweep
from proto.run import TrackingRun
from proto.taxonomy import entry, taxonomy
from services.chassis.completion import plain
from services.chassis.database import Database, Document, available
from services.chassis.retention_indexes import GOING, REDUCED, WITH_PICTURES
from services.chassis.retention_plan import Busy, Decision, Totals, decide_by_age, least_days
from services.chassis.runs import from_document

RULES, LAST_SWEEP, LAST_REMOVAL = "rules", "last_sweep", "last_removal"
FORECAST_RUNS = 2000
"""Runs that a forecast looks at: it answers a page, so it stops counting there."""
ON_THE_WAY = timedelta(hours=24)
"""Within this time an object store has given the disk space back, or will not soon."""
BATCH = 500
NOT_VERIFIED: Document = {"verification.label": {"$exists": False}}
_FIELDS = (
    "camera_id", "status", "result.label", "result.is_insect", "result.best_image", "verification", "pictures_gone",
    "sort_at", "received_at", "local_date", "images.sha256", "images.object_key", "images.byte_size",
)  # fmt: skip
_PROJECTION = dict.fromkeys(_FIELDS, 1)


class Retention:
    """Repository. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._kept = database.handle["retention"]
        self._sweeps = database.handle["retention_sweeps"]
        self._runs = database.runs

    async def rules(self) -> RetentionRules:
        """Return the rules; all off where nobody has set any."""
        document = await available(lambda: self._kept.find_one({"_id": RULES}))
        return RetentionRules.model_validate(document["rules"]) if document else RetentionRules()

    async def changed_at(self) -> datetime | None:
        """Return when the rules were changed last."""
        document = await available(lambda: self._kept.find_one({"_id": RULES}, {"changed_at": 1}))
        return document["changed_at"] if document else None

    async def set_rules(self, rules: RetentionRules, by: str) -> None:
        """Keep new rules.

        Raises:
            UnknownLabel: a class in them is neither in the taxonomy nor that of any run; nothing was changed.
        """
        for label in rules.class_days:
            if label not in taxonomy():
                query = {"label": label}
                if await available(lambda q=query: self._runs.find_one(q, {"_id": 1})) is None:  # type: ignore[misc]
                    raise UnknownLabel(f"class_days: no class is called {label!r}. GET /api/v1/taxonomy lists them.")
        document = {"rules": rules.model_dump(mode="json"), "changed_at": datetime.now(UTC), "changed_by": by}
        await available(lambda: self._kept.replace_one({"_id": RULES}, document, upsert=True))

    async def state(self, now: datetime, rules: RetentionRules | None = None) -> RetentionState:
        """Return all there is to say; with ``rules``, what would go by those."""
        documents = {each["_id"]: each for each in await available(lambda: self._kept.find().to_list(None))}
        kept = documents.get(RULES, {})
        shown = rules or RetentionRules.model_validate(kept.get("rules", {}))
        return RetentionState(
            rules=shown,
            changed_at=kept.get("changed_at"),
            changed_by=kept.get("changed_by"),
            last_sweep=documents.get(LAST_SWEEP),
            last_removal=documents.get(LAST_REMOVAL),
            would_go=await self.forecast(shown, now),
        )

    async def forecast(self, rules: RetentionRules, now: datetime) -> RetentionForecast:
        """Return what would go by age, counted over :data:`FORECAST_RUNS` runs at most."""
        totals, seen = Totals(), 0
        async for run in self.aged(rules, now, most=FORECAST_RUNS):
            seen += 1
            decision = decide_by_age(run, rules, now, Busy())
            if decision is not None:
                totals.add(decision)
            if seen >= FORECAST_RUNS:
                break
        return RetentionForecast(
            counts=totals.counts,
            runs=totals.total(0),
            pictures=totals.total(1),
            byte_size=totals.total(2),
            complete=seen < FORECAST_RUNS,
        )

    async def note_sweep(self, sweep: RetentionSweep) -> None:
        """Keep what a sweep did; those that removed something, for good."""
        document = plain(sweep.model_dump(mode="python"))
        await available(lambda: self._kept.replace_one({"_id": LAST_SWEEP}, document, upsert=True))
        if sweep.mode is RetentionMode.ON and sweep.runs:
            await available(lambda: self._kept.replace_one({"_id": LAST_REMOVAL}, document, upsert=True))
            await available(lambda: self._sweeps.insert_one(dict(document)))

    async def on_the_way_bytes(self, now: datetime) -> int:
        """Return the bytes removed so lately that the disk may not show it yet."""
        pipeline: list[Document] = [
            {"$match": {"at": {"$gte": now - ON_THE_WAY}}},
            {"$group": {"_id": None, "bytes": {"$sum": "$byte_size"}}},
        ]
        rows = await available(lambda: self._sweeps.aggregate(pipeline).to_list(None))
        return int(rows[0]["bytes"]) if rows else 0

    async def labels(self) -> list[str]:
        """Return the classes of all runs."""
        found = await available(lambda: self._runs.distinct("label"))
        return sorted(label for label in found if label)

    async def aged(self, rules: RetentionRules, now: datetime, *, most: int = 0) -> AsyncIterator[TrackingRun]:
        """Yield runs that the rules of age may concern, class by class, false sightings first, oldest first.

        A rough choice by index; retention_plan.py decides. ``most``: runs that the database looks for in each class.
        """
        for label in sorted(await self.labels(), key=lambda label: (entry(label).is_insect, label)):
            days = least_days(label, rules)
            if days is None:
                continue
            query = {"label": label, "sort_at": {"$lt": now - timedelta(days=days)}, **NOT_VERIFIED}
            for selection in (WITH_PICTURES, REDUCED):
                async for run in self._found({**query, **selection}, most):
                    yield run

    def oldest(self, labels: Sequence[str], before: datetime) -> AsyncIterator[TrackingRun]:
        """Yield the runs of these classes with pictures that nobody verified, oldest first."""
        query = {"label": {"$in": list(labels)}, "sort_at": {"$lt": before}, **NOT_VERIFIED, **WITH_PICTURES}
        return self._found(query, 0)

    async def _found(self, query: Document, most: int) -> AsyncIterator[TrackingRun]:
        cursor = self._runs.find(query, _PROJECTION, batch_size=min(most, BATCH) or BATCH, limit=most)
        cursor = cursor.sort([("sort_at", 1), ("_id", 1)])
        try:
            while documents := await available(lambda: cursor.to_list(BATCH)):
                for document in documents:
                    yield from_document(document)
        finally:
            await cursor.close()

    async def stored(self) -> tuple[int, dict[str, int]]:
        """Return the bytes of all pictures kept, and how many unverified runs with pictures each class has.

        It reads every run once: for the rules of space only, and once a sweep.
        """
        unverified = {"$cond": [{"$gt": ["$verification.label", ""]}, 0, 1]}
        pipeline: list[Document] = [
            {"$match": {"pictures_gone": None}},
            {"$project": {"label": 1, "bytes": {"$sum": "$images.byte_size"}, "free": unverified, "status": 1}},
            {"$group": {"_id": ["$status", "$label"], "runs": {"$sum": "$free"}, "bytes": {"$sum": "$bytes"}}},
        ]
        rows = await available(lambda: self._runs.aggregate(pipeline).to_list(None))
        classes = {row["_id"][1]: row["runs"] for row in rows if row["_id"][0] == "classified" and row["_id"][1]}
        return sum(row["bytes"] for row in rows), classes

    async def mark(self, decisions: Collection[Decision], at: datetime, *, thumbnail_kept: bool) -> list[str]:
        """Say in each run that its pictures are gone, where nothing has happened to it; return the ids marked."""
        pass_id, updates = uuid.uuid4().hex, []
        for decision in decisions:
            known = {"_id": decision.run_id, "status": "classified", "label": decision.label, **NOT_VERIFIED}
            query = known | {"$or": [{"pictures_gone": None}, REDUCED]}
            mark = {
                "at": at,
                "rule": decision.rule.value,
                "why": decision.why,
                "kept": list(decision.kept),
                "thumbnail_kept": thumbnail_kept,
                "reduced": bool(decision.kept),
                "pending": {"id": pass_id, "pictures": decision.pictures},
                # A run that had kept one picture has lost others before.
                "pictures": {"$add": [{"$ifNull": ["$pictures_gone.pictures", 0]}, decision.pictures]},
                "byte_size": {"$add": [{"$ifNull": ["$pictures_gone.byte_size", 0]}, decision.byte_size]},
            }
            constant = ("pictures", "byte_size")
            value = {name: part if name in constant else {"$literal": part} for name, part in mark.items()}
            updates.append(UpdateOne(query, [{"$set": {"pictures_gone": value}}]))
        if not updates:
            return []
        await available(lambda: self._runs.bulk_write(updates, ordered=False))
        query = {"_id": {"$in": [decision.run_id for decision in decisions]}, "pictures_gone.pending.id": pass_id}
        found = await available(lambda: self._runs.find(query, {"_id": 1}).to_list(None))
        return [document["_id"] for document in found]

    async def going(self, limit: int) -> list[tuple[TrackingRun, str]]:
        """Return runs whose objects are still to be removed, each with the mark's id."""
        documents = await available(lambda: self._runs.find(GOING, _PROJECTION).limit(limit).to_list(limit))
        return [(from_document(document), document["pictures_gone"]["pending"]["id"]) for document in documents]

    async def removed(self, marks: Collection[tuple[str, str]]) -> None:
        """Note that the objects of these runs (id, mark's id) are removed."""
        updates = [
            UpdateOne({"_id": run_id, "pictures_gone.pending.id": mark}, {"$unset": {"pictures_gone.pending": ""}})
            for run_id, mark in marks
        ]
        if updates:
            await available(lambda: self._runs.bulk_write(updates, ordered=False))

    async def came_back(self, run_id: str) -> None:
        """Have the objects of a run removed again, if its pictures are gone: a repeated upload has stored them anew."""
        pending = {"id": uuid.uuid4().hex, "pictures": 0}
        query = {"_id": run_id, "pictures_gone.at": {"$exists": True}}
        await available(lambda: self._runs.update_one(query, {"$set": {"pictures_gone.pending": pending}}))


def parse_rules(body: Any) -> RetentionRules:
    """Return the rules in a request's JSON.

    Raises:
        BadRequest: it holds none, or a field that no rule has: a mistyped rule must not look like one.
    """
    unknown = sorted(set(body) - set(RetentionRules.model_fields)) if isinstance(body, dict) else []
    if unknown:
        raise BadRequest(f"There is no rule {unknown[0][:80]!r}; there are: {', '.join(RetentionRules.model_fields)}.")
    try:
        return RetentionRules.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}.") from error
