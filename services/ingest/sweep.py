"""Finds objects that no run refers to, and removes them if it may.

They come from uploads whose document was never written: a spool that was lost with its disk, an import that was broken
off. The forwarder writes objects first and the document right after, and a repeat writes the objects anew; so an object
that is older than the grace period and has no run never gets one. What is younger is left alone. What retention had
removed, and somebody stored anew since (a worker that was just making a preview), counts as an orphan as well.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from proto.errors import KrabbelError
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectStore, StoredObject
from services.chassis.runs import Runs
from services.ingest.metrics import ORPHANS, ORPHANS_REMOVED
from services.ingest.spool import Spool

FIRST_AFTER_S = 600.0
EVERY_S = 24 * 3600.0
ASK_AT_ONCE = 500
PREFIXES = [f"{folder}/{number:02x}" for folder in ("runs", "thumbs", "sheets") for number in range(256)]
"""Run ids are hashes: two digits split the objects evenly, so a listing of 10 million never lies in memory."""
log = get_logger(__name__)


@dataclass(slots=True)
class Findings:
    """What one sweep saw."""

    objects: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    removed: int = 0


def run_of(key: str) -> str:
    """Return the run id in an object key: ``runs/<run id>/<file>``, ``thumbs/<run id>.webp``, or the same in sheets."""
    return key.split("/", 2)[1].partition(".")[0]


class Sweep:
    """Looks through the bucket. With ``remove`` False it only counts."""

    def __init__(self, store: ObjectStore, runs: Runs, spool: Spool, grace: timedelta, *, remove: bool) -> None:
        self._store, self._runs, self._spool = store, runs, spool
        self._grace, self._remove = grace, remove

    async def run_forever(self) -> None:
        """Sweep once a day until cancelled, the first time when the start is over."""
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            try:
                await self.round()
            except KrabbelError as error:
                log.warning("sweep not finished; tomorrow again", error=str(error))
            await asyncio.sleep(EVERY_S)

    async def round(self) -> Findings:
        """Look at every object once, and return what was found."""
        found = Findings()
        for prefix in PREFIXES:
            await self._look(await self._store.list(prefix), found)
        ORPHANS.set(found.orphans - found.removed)
        log.info(
            "swept" if self._remove else "swept, nothing removed (dry run)",
            objects=found.objects,
            orphans=found.orphans,
            orphan_bytes=found.orphan_bytes,
            removed=found.removed,
        )
        return found

    async def _look(self, objects: list[StoredObject], found: Findings) -> None:
        found.objects += len(objects)
        before = datetime.now(UTC) - self._grace
        old = [item for item in objects if item.modified_at is not None and item.modified_at < before]
        ids = sorted({run_of(item.key) for item in old})
        for start in range(0, len(ids), ASK_AT_ONCE):
            asked = set(ids[start : start + ASK_AT_ONCE])
            without = {run_id for run_id in asked - await self._runs.existing(asked) if run_id not in self._spool}
            doomed = await self._runs.doomed(asked - without)
            orphans = [item for item in old if run_of(item.key) in without or item.key in doomed]
            found.orphans += len(orphans)
            found.orphan_bytes += sum(item.byte_size for item in orphans)
            if self._remove and orphans:
                await self._store.remove(item.key for item in orphans)
                found.removed += len(orphans)
                ORPHANS_REMOVED.inc(len(orphans))
