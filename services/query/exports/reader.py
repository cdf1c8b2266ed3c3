"""Reads the runs of an export, batch by batch, the oldest first; the next batch is fetched while one is written."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from services.chassis.database import Database, Document, available
from services.chassis.runs import from_document
from services.query.exports.event import RUN_SHAPE, VERDICT_SHAPE, Event, events_of, verdict_ids
from services.query.exports.item import ExportItem, ImageVerdict, Verdict
from services.query.run_filter import RunFilter, query_of

BATCH = 1000
T = TypeVar("T")
RUN_ID = 32
"""Characters of a run's id, with which a verdict's id begins."""
_FIRST_CLASSES: Document = {
    "model_id": 1,
    "sha256": "$images.sha256",
    "error": {"$map": {"input": "$images", "as": "image", "in": {"$ifNull": ["$$image.error", ""]}}},
    "top": {"$map": {"input": "$images", "as": "image", "in": {"$first": "$$image.top"}}},
}


class ExportReader:
    """Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._runs = database.runs
        self._classifications = database.classifications

    async def count(self, selection: RunFilter) -> int:
        """Return how many runs are selected."""
        return await available(lambda: self._runs.count_documents(query_of(selection)))

    async def any(self, selection: RunFilter) -> bool:
        """Say whether any run is selected."""
        return await available(lambda: self._runs.find_one(query_of(selection), {"_id": 1})) is not None

    async def batches(self, selection: RunFilter, *, per_image: bool) -> AsyncGenerator[Sequence[ExportItem], None]:
        """Yield the selected runs; with ``per_image`` also what their model said of each image."""
        cursor = self._cursor(selection, {"counted": 0})

        async def fetch() -> Sequence[ExportItem]:
            documents = await available(lambda: cursor.to_list(BATCH))
            verdicts = await self._verdicts(documents) if per_image else {}
            return await asyncio.to_thread(items_of, documents, verdicts)

        async with aclosing(_ahead(fetch, cursor)) as batches:
            async for items in batches:
                yield items

    async def events(self, selection: RunFilter) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the selected runs as events, with what their model said of each image."""
        cursor = self._cursor(selection, RUN_SHAPE)

        async def runs() -> Sequence[Sequence[Any]]:
            return [document["row"] for document in await available(lambda: cursor.to_list(BATCH))]

        # Two steps ahead: while one batch is written, the next one's verdicts and the runs after it are fetched.
        async with aclosing(_ahead(runs, cursor)) as rows_ahead:

            async def events() -> Sequence[Event]:
                rows: Sequence[Sequence[Any]] = await anext(rows_ahead, [])  # no tuple: Python 3.11 would unpack it
                ids = verdict_ids(rows)
                found = self._classifications.find({"_id": {"$in": ids}}, VERDICT_SHAPE, batch_size=BATCH + 1)
                verdicts = await available(lambda: found.to_list(None)) if rows else []
                return await asyncio.to_thread(events_of, rows, ids, [document["row"] for document in verdicts])

            async with aclosing(_ahead(events)) as batches:
                async for batch in batches:
                    yield batch

    def _cursor(self, selection: RunFilter, projection: Document) -> Any:
        cursor = self._runs.find(query_of(selection), projection, batch_size=BATCH)
        return cursor.sort([("sort_at", 1), ("_id", 1)])

    async def _verdicts(self, documents: Sequence[Document]) -> dict[str, Document]:
        """Return each run's own model's verdict, with the first class of each image only."""
        wanted = [f"{run['_id']}:{run['result']['model_id']}" for run in documents if run.get("result")]
        if not wanted:
            return {}
        pipeline: list[Document] = [{"$match": {"_id": {"$in": wanted}}}, {"$project": _FIRST_CLASSES}]
        found = self._classifications.aggregate(pipeline)
        return {verdict["_id"][:RUN_ID]: verdict for verdict in await available(lambda: found.to_list(None))}


async def _ahead(
    fetch: Callable[[], Coroutine[Any, Any, Sequence[T]]], cursor: Any = None
) -> AsyncGenerator[Sequence[T], None]:
    """Yield batches until an empty one; the next is fetched meanwhile. However it ends, a cursor is closed."""
    coming = asyncio.create_task(fetch())
    try:
        while found := await coming:
            coming = asyncio.create_task(fetch())
            yield found
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await coming
        if cursor is not None:
            await cursor.close()


def items_of(documents: Sequence[Document], verdicts: dict[str, Document]) -> list[ExportItem]:
    """Return the documents as an export takes them. Plain code."""
    return [
        ExportItem(
            from_document(document), verdict_of(verdicts[document["_id"]]) if document["_id"] in verdicts else None
        )
        for document in documents
    ]


def verdict_of(document: Document) -> Verdict:
    """Return what a projected document (:data:`_FIRST_CLASSES`) says of each picture. Plain code."""
    images = {
        sha256: ImageVerdict(top["label"], top["probability"], error) if top else ImageVerdict("", 0.0, error)
        for sha256, top, error in zip(document["sha256"], document["top"], document["error"], strict=True)
    }
    return Verdict(document["model_id"], images)
