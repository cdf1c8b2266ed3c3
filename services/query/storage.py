"""How much is stored, by kind. Counting takes a while, so it is done beside, and kept for minutes."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from proto.errors import KrabbelError
from proto.system import StorageUse, StoredBytes
from services.chassis.database import Database, available
from services.chassis.logging import get_logger
from services.chassis.models import Models
from services.chassis.object_store import ObjectStore

KEEP_S = 600.0
WAIT_S = 3.0
MOST_OBJECTS = 100_000
"""Objects of a kind that are looked at: more is "at least so much" """
LONGEST_S = 300.0
log = get_logger(__name__)

# Pictures that retention has removed are still listed in their runs, beside a mark that says how many and how large.
_PICTURES: list[dict[str, Any]] = [
    {
        "$project": {
            "images": {"$subtract": [{"$size": "$images"}, {"$ifNull": ["$pictures_gone.pictures", 0]}]},
            "bytes": {"$subtract": [{"$sum": "$images.byte_size"}, {"$ifNull": ["$pictures_gone.byte_size", 0]}]},
        }
    },
    {"$group": {"_id": None, "runs": {"$sum": 1}, "images": {"$sum": "$images"}, "bytes": {"$sum": "$bytes"}}},
]


class StorageReader:
    """Counts what is stored, at most every ten minutes, however many ask."""

    def __init__(self, database: Database, store: ObjectStore, models: Models) -> None:
        self._database, self._store, self._models = database, store, models
        self._kept: StorageUse | None = None
        self._until = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def get(self) -> StorageUse | None:
        """Return the last count; a fresh one if it takes no longer than a moment; None before the first."""
        if time.monotonic() >= self._until and self._counting is None:
            self._counting = asyncio.create_task(self._count_once(), name="storage")
        if self._counting is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._counting), WAIT_S)
        return self._kept

    async def close(self) -> None:
        """Count no more."""
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    async def _count_once(self) -> None:
        try:
            async with asyncio.timeout(LONGEST_S):
                self._kept = await self.count()
                self._until = time.monotonic() + KEEP_S
        except (KrabbelError, TimeoutError) as error:
            log.warning("what is stored could not be counted", error=str(error)[:200])
        finally:
            self._counting = None

    async def count(self) -> StorageUse:
        """Count.

        Raises:
            Unavailable: database or object store are away.
        """
        found = await available(lambda: self._database.runs.aggregate(_PICTURES).to_list(1))
        pictures = found[0] if found else {"runs": 0, "images": 0, "bytes": 0}
        parts = {"thumbs": "thumbs/", "sheets": "sheets/", "exports": "exports/"}
        used = {name: await self._store.used(prefix, MOST_OBJECTS) for name, prefix in parts.items()}
        whole = {name for name, (_, _, complete) in used.items() if complete}
        database, _, _ = await self._database.disk()
        return StorageUse(
            runs=pictures["runs"],
            images=pictures["images"],
            bytes=StoredBytes(
                pictures=pictures["bytes"],
                previews=used["thumbs"][1] + used["sheets"][1],
                exports=used["exports"][1],
                models=sum({model.sha256: model.byte_size for model in await self._models.all()}.values()),
                database=database,
            ),
            at_least=tuple(
                kind
                for kind, names in (("previews", {"thumbs", "sheets"}), ("exports", {"exports"}))
                if not names <= whole
            ),
            counted_at=datetime.now(UTC),
        )
