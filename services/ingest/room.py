"""How much may lie in the spool: a limit of bytes, uploads under way included, and the disk's free room."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proto.errors import Unavailable
from services.ingest.metrics import SPOOL_BYTES, SPOOL_FREE, SPOOL_LIMIT

KNOWN_S = 0.25
"""For so long the disk's free room is believed; less than a second's uploads fit into the room that is left free."""


class SpoolFull(Unavailable):
    """The spool's byte limit is reached, or its disk is full."""

    slug, title, retry_after_s = "spool-full", "No room for another run just now", 30


def free_bytes(folder: Path) -> int:
    """Return the bytes that are free on a folder's disk."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


class Room:
    """Counts the bytes of one spool folder."""

    def __init__(self, folder: Path, limit_bytes: int, min_free_bytes: int, executor: ThreadPoolExecutor) -> None:
        self.limit_bytes = limit_bytes
        self.used = 0
        self._folder, self._min_free_bytes, self._executor = folder, min_free_bytes, executor
        self._free = 0
        self._free_until = 0.0

    def show(self) -> None:
        """Give the metrics their values."""
        SPOOL_BYTES.set_function(lambda: self.used)
        SPOOL_LIMIT.set(self.limit_bytes)
        SPOOL_FREE.set_function(lambda: free_bytes(self._folder))

    def share(self) -> float:
        """Return how full the spool is, 0 to 1."""
        return self.used / self.limit_bytes

    def claim(self, byte_size: int) -> None:
        """Count bytes that are about to be written.

        Raises:
            SpoolFull: they would be too many.
        """
        if self.used + byte_size > self.limit_bytes:
            raise SpoolFull("The spool is full: the stores behind it have been away for long. Try again later.")
        self.used += byte_size

    def release(self, byte_size: int) -> None:
        """Give claimed bytes back."""
        self.used -= byte_size

    async def check(self) -> None:
        """Return if another run would find room.

        Raises:
            SpoolFull: it would not.
        """
        if time.monotonic() >= self._free_until:
            loop = asyncio.get_running_loop()
            self._free = await loop.run_in_executor(self._executor, free_bytes, self._folder)
            self._free_until = time.monotonic() + KNOWN_S
        if self.used >= self.limit_bytes or self._free < self._min_free_bytes:
            raise SpoolFull("The spool's disk is full. Try again later.")
