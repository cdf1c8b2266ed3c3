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
from services.query.run_filter import Page, RunFilter, page_query
from services.query.run_order import OLDEST, Order

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
        added = page.order.field if fields and not _covered(page.order.field, fields) else None
        projection = dict.fromkeys((*fields, added) if added else fields, 1) or None
        cursor = self._runs.find(page_query(selection, page), projection).sort(page.order.sort).limit(page.limit + 1)
        documents = await available(lambda: cursor.to_list(page.limit + 1))
        following = None
        if len(documents) > page.limit:
            last = documents[page.limit - 1]
            following = Cursor(page.order.value_of(last), last["_id"], page.order.kind)
        if added:
            for document in documents:
                _without(document, added)
        return documents[: page.limit], following

    async def one(self, run_id: str, cameras: tuple[str, ...]) -> TrackingRun:
        """Return a run; one of a camera that the reader may not see is not found, as if it were not there.

        Raises:
            RunNotFound: there is none.
        """
        run = await self.find(run_id)
        if run is None or (cameras and run.camera_id not in cameras):
            raise RunNotFound(f"No tracking run has the id {run_id!r}.")
        return run

    async def find(self, run_id: str) -> TrackingRun | None:
        """Return a run of any camera, or None."""
        document = await available(lambda: self._runs.find_one({"_id": run_id}))
        return None if document is None else from_document(document)

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
        order: Order = OLDEST,
        by_day: bool = False,
        most: int = 0,
    ) -> AsyncIterator[Document]:
        """Yield the documents of a selection (at most ``most``), batch by batch, in constant memory.

        The oldest first, or in another ``order``; ``by_day`` keeps each local day together, days ascending, however
        many zones.
        """
        sort = [("local_date", 1), ("sort_at", -1), ("_id", -1)] if by_day else order.sort
        query = page_query(selection, Page(limit=most, order=order))
        projection = dict.fromkeys(fields, 1) if fields else None
        cursor = self._runs.find(query, projection, batch_size=min(most, BATCH) or BATCH, limit=most).sort(sort)
        try:
            while documents := await available(lambda: cursor.to_list(BATCH)):
                for document in documents:
                    yield document
        finally:
            await cursor.close()


def _covered(field: str, fields: tuple[str, ...]) -> bool:
    """Say whether the fields asked for bring this one along."""
    return any(field == one or field.startswith(f"{one}.") for one in fields)


def _without(document: Document, field: str) -> None:
    """Take a field out again that only the order needed, and what held nothing else."""
    outer, _, inner = field.partition(".")
    if inner and isinstance(document.get(outer), dict):
        document[outer].pop(inner, None)
    if not inner or not document.get(outer):
        document.pop(outer, None)


def utc_text(value: Any) -> str:
    """Return a moment as ISO 8601 with Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")  # type: ignore[no-any-return]
