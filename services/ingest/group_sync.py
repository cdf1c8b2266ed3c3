"""fsync of a folder for many at once: whoever waits for one shares the next."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class GroupSync:
    """fsync of a folder, shared by all who ask while another one is under way."""

    def __init__(self, folder: Path, executor: ThreadPoolExecutor) -> None:
        self._folder, self._executor = folder, executor
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def sync(self) -> None:
        """Return when the folder's present entries are durable."""
        if self._next is None:
            self._next = asyncio.create_task(self._round())
        await asyncio.shield(self._next)

    async def _round(self) -> None:
        async with self._lock:
            self._next = None  # whoever comes from now on needs the round after this one
            await asyncio.get_running_loop().run_in_executor(self._executor, _fsync_folder, self._folder)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
