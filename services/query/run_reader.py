"""Reads of runs and classifications: the only module of this service that asks the database for them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from proto.classification import Classification
from proto.errors import RunNotFound
from proto.run import TrackingRun
from services.chassis.database import Database, Document, available
from services.chassis.runs import from_document
from services.query.cursor import Cursor
from services.query.run_filter import Page, RunFilter, page_query, query_of

BATCH = 500


@dataclass(frozen=True, slots=True)
class RunPage:
    """One page of a list; ``next`` is where the following one starts, None at the end."""

    items: list[TrackingRun]
    next: Cursor | None


class RunReader:
    """Reads runs. All methods raise :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._runs = database.runs
        self._classifications = database.classifications

    async def page(self, selection: RunFilter, page: Page) -> RunPage:
        """Return one page of a selection."""
        documents, following = await self.documents(selection, page, ())
        return RunPage([from_document(document) for document in documents], following)

    async def documents(
        self, selection: RunFilter, page: Page, fields: tuple[str, ...]
    ) -> tuple[list[Document], Cursor | None]:
        """Return one page of a selection as the database keeps it, with only ``fields`` if any are named."""
        direction = -1 if page.newest_first else 1
        projection = dict.fromkeys((*fields, "sort_at"), 1) if fields else None
        cursor = self._runs.find(page_query(selection, page), projection)
        cursor = cursor.sort([("sort_at", direction), ("_id", direction)]).limit(page.limit + 1)
        documents = await available(lambda: cursor.to_list(page.limit + 1))
        following = None
        if len(documents) > page.limit:
            last = documents[page.limit - 1]
            following = Cursor(last["sort_at"], last["_id"])
        for document in documents:
            if fields and "sort_at" not in fields:
                del document["sort_at"]
        return documents[: page.limit], following

    async def one(self, run_id: str, cameras: tuple[str, ...]) -> TrackingRun:
        """Return a run; one of a camera that the reader may not see is not found, as if it were not there.

        Raises:
            RunNotFound: there is none.
        """
        document = await available(lambda: self._runs.find_one({"_id": run_id}))
        if document is None or (cameras and document["camera_id"] not in cameras):
            raise RunNotFound(f"No tracking run has the id {run_id!r}.")
        return from_document(document)

    async def classifications(self, run_id: str) -> list[Classification]:
        """Return what each model said of a run, the newest first."""
        cursor = self._classifications.find({"run_id": run_id}).sort("result.classified_at", -1)
        return [Classification.model_validate(document) for document in await available(lambda: cursor.to_list(None))]

    async def latest(self, selection: RunFilter) -> TrackingRun | None:
        """Return the newest run of a selection, or None."""
        found = await self.page(selection, Page(limit=1))
        return found.items[0] if found.items else None

    async def stream(
        self,
        selection: RunFilter,
        *,
        fields: tuple[str, ...] = (),
        newest_first: bool = False,
        by_day: bool = False,
        most: int = 0,
    ) -> AsyncIterator[Document]:
        """Yield the documents of a selection (at most ``most``), batch by batch, in constant memory.

        The oldest first, or the newest; ``by_day`` keeps each local day together, days ascending, however many zones.
        """
        direction = -1 if newest_first else 1
        order = [("sort_at", direction), ("_id", direction)]
        if by_day:
            order = [("local_date", 1), ("sort_at", -1), ("_id", -1)]
        projection = dict.fromkeys(fields, 1) if fields else None
        cursor = self._runs.find(query_of(selection), projection, batch_size=min(most, BATCH) or BATCH, limit=most)
        cursor = cursor.sort(order)
        try:
            while documents := await available(lambda: cursor.to_list(BATCH)):
                for document in documents:
                    yield document
        finally:
            await cursor.close()


def utc_text(value: Any) -> str:
    """Return a moment as ISO 8601 with Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")  # type: ignore[no-any-return]
