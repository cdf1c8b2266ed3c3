"""Retention's place in ingest: when to sweep, what to count, and where a test may end the process."""

import asyncio
import shutil
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from proto.errors import KrabbelError, Unavailable
from proto.retention import RetentionCount, RetentionMode, RetentionSweep
from services.chassis.logging import get_logger
from services.chassis.retention import Retention
from services.chassis.retention_sweep import RetentionSweeper
from services.ingest.metrics import (
    RETENTION_BYTES,
    RETENTION_PICTURES,
    RETENTION_RUNS,
    RETENTION_STORED,
    RETENTION_SWEPT,
    RETENTION_WAITING,
)

LOOK_S = 10.0
SOON_S = 60.0
"""The next sweep where one could not do all, or another process had the lease (a backup holds it, too)."""
log = get_logger(__name__)


class RetentionTask:
    """Sweeps every so often, and at once when the rules have changed."""

    def __init__(self, sweeper: RetentionSweeper, retention: Retention, every_s: float) -> None:
        self._sweeper, self._retention, self._every_s = sweeper, retention, every_s
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Sweep now."""
        self._wake.set()

    async def run_forever(self) -> None:
        """Sweep until cancelled, the first time when the start is over."""
        pause_s = min(SOON_S, self._every_s)
        while True:
            await self._wait(pause_s)
            swept = await self.round()
            pause_s = self._every_s if swept is not None and swept.finished else min(SOON_S, self._every_s)

    async def _wait(self, pause_s: float) -> None:
        """Return after a while, or soon after the rules were changed, here or by another process."""
        loop = asyncio.get_running_loop()
        end, known = loop.time() + pause_s, await self._changed()
        while (left := end - loop.time()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(left, LOOK_S))
                break
            if await self._changed() != known:
                break
        self._wake.clear()

    async def _changed(self) -> datetime | None:
        try:
            return await self._retention.changed_at()
        except Unavailable:
            return None

    async def round(self) -> RetentionSweep | None:
        """Sweep once; a server that is away is met again in the next round."""
        try:
            swept = await self._sweeper.sweep()
        except KrabbelError as error:
            log.warning("retention's sweep is not finished; it goes on later", error=str(error))
            return None
        if swept is not None:
            RETENTION_SWEPT.set(time.time())
            RETENTION_WAITING.set(swept.runs if swept.mode is RetentionMode.DRY_RUN else 0)
            if swept.stored_bytes is not None:
                RETENTION_STORED.set(swept.stored_bytes)
        return swept


def count(removed: RetentionCount) -> None:
    """Count what was removed."""
    RETENTION_RUNS.labels(removed.rule.value).inc(removed.runs)
    RETENTION_PICTURES.labels(removed.rule.value).inc(removed.pictures)
    RETENTION_BYTES.labels(removed.rule.value).inc(removed.byte_size)


def free_bytes(folder: Path) -> int | None:
    """Return the free bytes on a folder's disk; None where there is no such folder."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
