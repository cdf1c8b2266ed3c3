"""The spool: runs that were answered with success and are not yet in the stores.

A run counts as accepted when its file (entry_file.py) is fsynced, renamed into ``ready/`` and the folder fsynced too.
File names begin with the moment of acceptance, so a restart finds the entries in their order; what lies in
``incoming/`` at a start was never answered and is removed.
"""

import asyncio
import fcntl
import heapq
import os
import re
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from proto.run import TrackingRun
from services.chassis.logging import get_logger
from services.ingest.entry_file import EntryReader, EntryWriter, Manifest
from services.ingest.failpoints import Failpoints, Point
from services.ingest.group_sync import GroupSync
from services.ingest.images import ImageFacts
from services.ingest.metrics import SPOOL_AGE, SPOOL_BROKEN, SPOOL_ENTRIES
from services.ingest.room import Room, SpoolFull

FSYNC_THREADS = 8
_NAME = re.compile(r"(\d{20})-([0-9a-f]{32})\.run")
log = get_logger(__name__)


@dataclass(order=True, slots=True)
class Entry:
    """One accepted run, waiting to be forwarded; ordered by acceptance."""

    sequence: int
    run_id: str = field(compare=False)
    path: Path = field(compare=False)
    byte_size: int = field(compare=False)
    replayed: bool = field(default=False, compare=False)
    attempts: int = field(default=0, compare=False)
    faults: int = field(default=0, compare=False)
    """Those of the attempts that failed although no store was away"""
    forwarded: asyncio.Event = field(default_factory=asyncio.Event, compare=False)

    @property
    def age_s(self) -> float:
        """Seconds since acceptance (the sequence is its time in nanoseconds)."""
        return max(0.0, time.time() - self.sequence / 1e9)


class Spool:
    """All entries, in order. One process owns a spool folder (`lock` file)."""

    def __init__(self, folder: Path, limit_bytes: int, min_free_bytes: int, failpoints: Failpoints) -> None:
        self.folder = folder
        self._incoming, self._ready, self._broken = folder / "incoming", folder / "ready", folder / "broken"
        self._failpoints = failpoints
        self._executor = ThreadPoolExecutor(FSYNC_THREADS, "spool")
        self.room = Room(folder, limit_bytes, min_free_bytes, self._executor)
        self.broken = 0
        """Entries set aside by this process"""
        self._sync = GroupSync(self._ready, self._executor)
        self._waiting: list[Entry] = []
        self._known: dict[int, Entry] = {}
        self._by_run: dict[str, Entry] = {}
        self._arrived = asyncio.Condition()
        self._last_sequence = 0

    def open(self) -> None:
        """Make the folders, remove what was never accepted and find what waits. Blocks; call it once, at start."""
        for folder in (self._incoming, self._ready, self._broken):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_folder()
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        for path in self._ready.iterdir():
            named = _NAME.fullmatch(path.name)
            if named is None:
                continue
            self._add(Entry(int(named[1]), named[2], path, path.stat().st_size, replayed=True))
        self.room.used = sum(entry.byte_size for entry in self._waiting)
        SPOOL_ENTRIES.set_function(lambda: len(self._known))
        SPOOL_AGE.set_function(self.oldest_age_s)
        self.room.show()
        if self._waiting:
            log.info("spool holds runs of an earlier process", runs=len(self._waiting), bytes=self.room.used)

    def _lock_folder(self) -> None:
        """Two processes on one spool would forward everything twice and remove each other's uploads."""
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RuntimeError(f"Another ingest uses {self.folder}. Give each its own KRABBEL_SPOOL_DIR.") from error

    def close(self) -> None:
        """Wait for the threads and give the folder free."""
        self._executor.shutdown(wait=True)
        os.close(self._lock)

    def oldest_age_s(self) -> float:
        """Return the age of the oldest entry in seconds; 0 when there is none."""
        return max((entry.age_s for entry in self._known.values()), default=0.0)

    def waiting_age_s(self) -> float:
        """Return the age of the oldest entry that nobody works on, seconds; cheap, unlike :meth:`oldest_age_s`."""
        return self._waiting[0].age_s if self._waiting else 0.0

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._by_run

    def writer(self, inspect: Callable[[IO[bytes], str], ImageFacts]) -> EntryWriter:
        """Open a file for an upload. Blocks a moment."""
        return EntryWriter(self._incoming / f"{uuid.uuid4().hex}.part", inspect)

    async def commit(self, writer: EntryWriter, manifest: Manifest, claimed: int) -> Entry:
        """Make an upload durable: after this returns, no crash loses it. ``claimed`` bytes become the file's.

        A run that waits here already is not stored twice; its entry is returned.

        Raises:
            SpoolFull: the disk is full, or broken; nothing was kept.
        """
        run_id = manifest.run.run_id
        present = self._by_run.get(run_id)
        if present is not None:
            self.room.release(claimed)
            return present
        self._last_sequence = max(time.time_ns(), self._last_sequence + 1)
        entry = Entry(self._last_sequence, run_id, self._ready / f"{self._last_sequence:020d}-{run_id}.run", 0)

        def seal() -> int:
            self._failpoints.reach(Point.BEFORE_SPOOL_FSYNC)
            size = writer.seal(manifest)
            self._failpoints.reach(Point.BEFORE_SPOOL_RENAME)
            writer.path.rename(entry.path)
            return size

        try:
            entry.byte_size = await asyncio.get_running_loop().run_in_executor(self._executor, seal)
            await self._sync.sync()
        except OSError as error:
            self.room.release(claimed)
            raise SpoolFull(f"The spool cannot be written ({error.strerror}). Try again later.") from error
        self.room.used += entry.byte_size - claimed
        self._add(entry)
        async with self._arrived:
            self._arrived.notify()
        self._failpoints.reach(Point.AFTER_SPOOL_FSYNC)
        return entry

    async def take(self) -> Entry:
        """Return the oldest entry that nobody works on, as soon as there is one."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: bool(self._waiting))
            return heapq.heappop(self._waiting)

    async def give_back(self, entry: Entry) -> None:
        """Put an entry back into its place in the order."""
        heapq.heappush(self._waiting, entry)
        async with self._arrived:
            self._arrived.notify()

    async def remove(self, entry: Entry) -> None:
        """The run is in the stores: forget it. (A crash before the removal is durable forwards it again: harmless.)"""
        await asyncio.get_running_loop().run_in_executor(self._executor, lambda: entry.path.unlink(missing_ok=True))
        self._forget(entry)
        entry.forwarded.set()

    async def set_aside(self, entry: Entry, reason: str) -> None:
        """Move an entry that cannot be forwarded, ever, to ``broken/``, for a person to look at. Nothing is deleted."""
        log.error("spool entry set aside", run_id=entry.run_id, file=entry.path.name, reason=reason)
        SPOOL_BROKEN.inc()
        self.broken += 1
        target = self._broken / entry.path.name
        await asyncio.get_running_loop().run_in_executor(self._executor, entry.path.rename, target)
        self._forget(entry)

    async def read(self, entry: Entry, *, preload: bool = False) -> EntryReader:
        """Open an entry; ``preload``: and read what is small of its images already. Raises BrokenEntry."""
        work = partial(EntryReader, entry.path, preload=preload)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def find(self, run_id: str) -> TrackingRun | None:
        """Return the run if it waits here."""
        entry = self._by_run.get(run_id)
        if entry is None:
            return None
        try:
            with await self.read(entry) as reader:
                return reader.manifest.run
        except FileNotFoundError:
            return None  # forwarded a moment ago

    def _add(self, entry: Entry) -> None:
        self._last_sequence = max(self._last_sequence, entry.sequence)
        self._known[entry.sequence] = entry
        self._by_run[entry.run_id] = entry
        heapq.heappush(self._waiting, entry)

    def _forget(self, entry: Entry) -> None:
        self._known.pop(entry.sequence, None)
        if self._by_run.get(entry.run_id) is entry:
            del self._by_run[entry.run_id]
        self.room.used -= entry.byte_size
