"""Counting everything anew while the system runs, month by month, each in one transaction.

A transaction sees one moment. Whatever is classified meanwhile either meets a document that the transaction rewrites
(then one of the two is tried again) or stands in a part of its own that the transaction never saw (then it simply adds
up).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pymongo import UpdateOne

from services.chassis.database import Database, Document, Session, available
from services.chassis.rollup_cells import ALL, Contribution, Increments, Path, nested
from services.chassis.rollups import COUNTED_FIELDS, Rollups, flat

BATCH = 5000


@dataclass(frozen=True, slots=True)
class RebuiltMonth:
    """One month of one camera (or of all) that was counted anew; ``corrected``: runs that knew it wrongly."""

    camera_id: str
    month: str
    runs: int
    corrected: int


class Rebuild:
    """Counts anew. Raises :class:`proto.errors.Unavailable` while the database is away; what is done stays done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> AsyncIterator[RebuiltMonth]:
        """Count every month of every camera anew, then the sums over all cameras."""
        months = await self._months()
        for camera, month in months:
            yield await self._database.in_transaction(lambda session, c=camera, m=month: self._month(session, c, m))  # type: ignore[misc]
        for month in sorted({month for _, month in months}):
            yield await self._database.in_transaction(lambda session, m=month: self._sum(session, m))  # type: ignore[misc]

    async def _months(self) -> list[tuple[str, str]]:
        """Return each camera's months: those with runs, and those that the cells know."""
        pipeline: list[Document] = [
            {"$match": {"result": {"$ne": None}}},
            {"$group": {"_id": {"camera": "$camera_id", "month": {"$substrBytes": ["$local_date", 0, 7]}}}},
        ]
        rows = await available(lambda: self._database.runs.aggregate(pipeline).to_list(None))
        found = {(row["_id"]["camera"], row["_id"]["month"]) for row in rows}
        cursor = self._database.rollups.find({}, {"camera_id": 1, "period": 1})
        for document in await available(lambda: cursor.to_list(None)):
            if document["camera_id"] != ALL:
                found.add((document["camera_id"], document["period"][:7]))
        return sorted(found)

    async def _month(self, session: Session, camera: str, month: str) -> RebuiltMonth:
        increments, corrections, runs = Increments(), [], 0
        query = {"camera_id": camera, "local_date": within(month), "result": {"$ne": None}}
        async for run in self._database.runs.find(query, COUNTED_FIELDS, session=session, batch_size=BATCH):
            counted = Contribution.of(run)
            increments.change(None, counted)
            runs += 1
            if counted is not None and Contribution.stored(run.get("counted")) != counted:
                corrections.append(UpdateOne({"_id": run["_id"]}, {"$set": {"counted": counted.document()}}))
        await self._replace(session, camera, month, [
            _document(camera, period, counts) for (owner, period), counts in increments.by_document.items()
            if owner == camera
        ])  # fmt: skip
        for start in range(0, len(corrections), BATCH):
            part = corrections[start : start + BATCH]
            await self._database.runs.bulk_write(part, ordered=False, session=session)
        return RebuiltMonth(camera, month, runs, len(corrections))

    async def _sum(self, session: Session, month: str) -> RebuiltMonth:
        """Write the sums over all cameras anew, from the cameras' own cells."""
        sums: dict[str, dict[Path, int]] = {}
        query = {"camera_id": {"$ne": ALL}, "period": within_or_is(month)}
        async for document in self._database.rollups.find(query, session=session):
            cells = sums.setdefault(document["period"], {})
            for path, count in flat(document).items():
                cells[path] = cells.get(path, 0) + count
        await self._replace(session, ALL, month, [_document(ALL, period, cells) for period, cells in sums.items()])
        total = sum(count for path, count in sums.get(month, {}).items() if path[0] == "runs")
        return RebuiltMonth(ALL, month, total, 0)

    async def _replace(self, session: Session, camera: str, month: str, documents: list[Document]) -> None:
        query = {"camera_id": camera, "period": within_or_is(month)}
        await self._database.rollups.delete_many(query, session=session)
        if documents:
            await self._database.rollups.insert_many(documents, session=session)


def within(month: str) -> Document:
    """Return the condition for days of a month."""
    return {"$gte": f"{month}-01", "$lte": f"{month}-31"}


def within_or_is(month: str) -> Document:
    """Return the condition for a month's period and its days' ("2026-07" sorts before "2026-07-01")."""
    return {"$gte": month, "$lte": f"{month}-31"}


def _document(camera: str, period: str, counts: Any) -> Document:
    document: Document = nested({path: count for path, count in counts.items() if count})
    return document | {"_id": Rollups.document_id(camera, period, 0), "camera_id": camera, "period": period}
