"""Statistics' cells in the database: counted in the transaction of the run's result, read by the query service.

Writers share the documents of a busy day. Each document therefore exists in up to :data:`SHARDS` parts, which a reader
adds up; a writer stays on its part and moves to the next one when another writer was there (see runs.py). One worker
makes one part, a few workers a few, and nobody waits for long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pymongo import UpdateOne
from pymongo.read_concern import ReadConcern

from services.chassis.database import Database, Document, Session, available
from services.chassis.rollup_cells import ALL, Contribution, Facet, Increments, Path, Tally

SHARDS = 8
MONTH = "^[0-9]{4}-[0-9]{2}$"
COUNTED_FIELDS = {
    "camera_id": 1, "local_date": 1, "local_hour": 1, "duration_s": 1, "clock_flags": 1, "result.label": 1,
    "result.certainty": 1, "verification": 1, "counted": 1,
}  # fmt: skip
"""What of a run document is needed to say what it counts and what it is counted as."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that does not hold what a recount finds."""

    camera_id: str
    period: str
    cell: str
    counted: int
    recounted: int


class Rollups:
    """Repository of the cells. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cells = database.rollups
        self._runs = database.runs

    async def apply(self, increments: Increments, shard: int, session: Session) -> None:
        """Add increments to one part of their documents, within the caller's transaction."""
        writes = [
            UpdateOne(
                {"_id": self.document_id(camera, period, shard)},
                {"$inc": changes, "$setOnInsert": {"camera_id": camera, "period": period}},
                upsert=True,
            )
            for camera, period, changes in increments.updates()
        ]
        if writes:
            await self._cells.bulk_write(writes, ordered=True, session=session)

    async def day(self, day: date, cameras: tuple[str, ...], facets: Iterable[Facet]) -> Tally:
        """Return one local day of the cameras (none given: of all), added up."""
        return await self.periods([day.isoformat()], cameras, facets)

    async def periods(self, periods: list[str], cameras: tuple[str, ...], facets: Iterable[Facet]) -> Tally:
        """Return several days (YYYY-MM-DD) and months (YYYY-MM) of the cameras (none given: of all), added up."""
        tally = Tally()
        for document in await self._documents(periods, cameras, facets):
            tally.add(document)
        return tally

    async def each(self, periods: list[str], cameras: tuple[str, ...], facets: Iterable[Facet]) -> dict[str, Tally]:
        """Return each of several days or months by itself."""
        tallies = {period: Tally() for period in periods}
        for document in await self._documents(periods, cameras, facets):
            tallies[document["period"]].add(document)
        return tallies

    async def months(self, cameras: tuple[str, ...]) -> list[str]:
        """Return the months in which anything was counted, oldest first."""
        query = {"camera_id": {"$in": list(cameras) or [ALL]}}
        found = await available(lambda: self._cells.distinct("period", query))
        return sorted(period for period in found if len(period) == 7)

    async def total(self, session: Session) -> int:
        """Return how many runs are counted at all, at the session's moment: a few documents a month."""
        cells = self._cells.with_options(read_concern=ReadConcern())
        query: Document = {"camera_id": ALL, "period": {"$regex": MONTH}}
        tally = Tally()
        async for document in cells.find(query, {"runs": 1}, session=session):
            tally.add(document)
        return tally.runs.total()

    async def _documents(self, periods: list[str], cameras: tuple[str, ...], facets: Iterable[Facet]) -> list[Document]:
        query: Document = {"camera_id": {"$in": list(cameras) or [ALL]}, "period": {"$in": periods}}
        projection: dict[str, int] = {"period": 1, **dict.fromkeys(facets, 1)}
        return await available(lambda: self._cells.find(query, projection).to_list(None))

    @staticmethod
    def document_id(camera: str, period: str, shard: int) -> str:
        """Return the ``_id`` of one part of a document."""
        return f"{camera}|{period}|{shard}"

    async def compare(self) -> list[Difference]:
        """Return every cell that differs from a full recount. Runs classified meanwhile may show as differences."""
        expected = Increments()
        async for run in self._runs.find({"result": {"$ne": None}}, COUNTED_FIELDS, batch_size=5000):
            expected.change(None, Contribution.of(run))
        held: dict[tuple[str, str], dict[Path, int]] = {}
        async for document in self._cells.find():
            cells = held.setdefault((document["camera_id"], document["period"]), {})
            for path, count in flat(document).items():
                cells[path] = cells.get(path, 0) + count
        differences = []
        for key in sorted({*held, *expected.by_document}):
            found: Mapping[Path, int] = held.get(key, {})
            wanted: Mapping[Path, int] = expected.by_document.get(key, {})
            for path in sorted({*found, *wanted}):
                if found.get(path, 0) != wanted.get(path, 0):
                    differences.append(Difference(*key, ".".join(path), found.get(path, 0), wanted.get(path, 0)))
        return differences


def flat(document: Document) -> dict[Path, int]:
    """Return a rollup document's counts by path."""
    cells: dict[Path, int] = {}

    def walk(path: Path, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk((*path, key), inner)
        elif isinstance(value, int):
            cells[path] = value

    walk((), {key: value for key, value in document.items() if isinstance(value, dict)})
    return cells
