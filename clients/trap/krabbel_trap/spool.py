"""The spool on disk: what was seen and is not yet with the server.

    waiting/   <time of arrival>-<content id>.zip: durable, will be sent in this order
    incoming/  being written; what a power cut left there was never promised to anyone
    refused/   runs that the server will never take, each with a .txt that says why

Any number of processes may put runs in; only the one that holds ``lock`` sends and removes.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from krabbel_trap.durable import sync_folder
from krabbel_trap.entry import SUFFIX, Entry, write_entry
from krabbel_trap.errors import SpoolFull
from krabbel_trap.failpoints import reach
from krabbel_trap.run import TrackingRun

MIB = 1024 * 1024
STALE_S = 3600.0
_NAME = re.compile(r"\d{20}-[0-9a-f]{32}\.zip")
WHEN_FULL = ("refuse", "drop-oldest")


class Spool:
    """All waiting runs, oldest first.

    Args:
        folder: made if it is missing; on a disk that survives a power cut (not /tmp).
        limit_bytes: most bytes in ``waiting``.
        min_free_bytes: least bytes to leave free on the disk.
        when_full: ``refuse`` raises SpoolFull for the new run; ``drop-oldest`` gives up the oldest instead. A disk that
            others have filled is always a refusal: dropping runs would not help.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int = 1024 * MIB,
        min_free_bytes: int = 200 * MIB,
        when_full: str = "refuse",
    ) -> None:
        if when_full not in WHEN_FULL:
            raise ValueError(f"when_full is one of {', '.join(WHEN_FULL)}, not {when_full!r}")
        self.folder = Path(folder)
        self.waiting, self.refused = self.folder / "waiting", self.folder / "refused"
        self._incoming = self.folder / "incoming"
        self._limit_bytes, self._min_free_bytes, self._when_full = limit_bytes, min_free_bytes, when_full
        self._mutex = threading.RLock()
        self._known: dict[str, Entry] = {}
        self._lock: int | None = None
        self.on_drop: Callable[[Entry], None] = lambda entry: None
        for place in (self.waiting, self._incoming, self.refused):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)

    def acquire(self) -> bool:
        """Become the process that sends from this spool; False while another one is."""
        if self._lock is not None:
            return True
        descriptor = os.open(str(self.folder / "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        for leftover in self._incoming.iterdir():
            if time.time() - leftover.stat().st_mtime > STALE_S:
                leftover.unlink()
        return True

    def release(self) -> None:
        """Let another process send."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def put(self, run: TrackingRun, fresh: bool = False) -> Entry:
        """Keep a run: after this returns, no crash and no power cut loses it.

        The same run twice is kept once.

        Raises:
            SpoolFull: there is no room, and the policy is to refuse; or the disk cannot be written.
            NothingToSend: it has no usable picture.
        """
        part = self._incoming / f"{os.getpid()}-{uuid.uuid4().hex}.part"
        with self._mutex:
            self._check_disk()
            try:
                content_id = write_entry(part, run)
                present = self._find(content_id)
                if present is not None:
                    return present
                self._make_room(part.stat().st_size)
                path = self.waiting / f"{time.time_ns():020d}-{content_id}{SUFFIX}"
                reach("before-rename")
                part.rename(path)
                sync_folder(self.waiting)
            except OSError as error:
                raise SpoolFull(f"The spool cannot be written: {error}.") from error
            finally:
                if part.exists():
                    part.unlink()
            entry = Entry(path, fresh=fresh)
            self._known[path.name] = entry
        reach("after-rename")
        return entry

    def entries(self) -> list[Entry]:
        """Return all waiting runs, oldest first, those of other processes included."""
        with self._mutex:
            names = sorted(name for path in self.waiting.iterdir() if _NAME.fullmatch(name := path.name))
            self._known = {name: self._known.get(name) or Entry(self.waiting / name) for name in names}
            return list(self._known.values())

    def byte_size(self) -> int:
        """Return the bytes that wait."""
        return sum(entry.byte_size for entry in self.entries())

    def remove(self, entry: Entry) -> None:
        """The server has it: forget it. (A power cut before this is durable asks the server once more: harmless.)"""
        with self._mutex:
            if entry.path.exists():
                entry.path.unlink()
            self._known.pop(entry.path.name, None)
        reach("after-remove")

    def refuse(self, entry: Entry, reason: str) -> None:
        """The server will never take it: put it aside with the reason. Nothing is deleted."""
        with self._mutex:
            note = self.refused / f"{entry.path.stem}.txt"
            note.write_text(reason + "\n", encoding="utf-8")
            if entry.path.exists():
                entry.path.replace(self.refused / entry.path.name)
            self._known.pop(entry.path.name, None)

    def retry_refused(self) -> int:
        """Move all refused runs back to the waiting ones; return how many."""
        with self._mutex:
            moved = [path for path in sorted(self.refused.iterdir()) if _NAME.fullmatch(path.name)]
            for path in moved:
                path.replace(self.waiting / path.name)
                note = path.with_suffix(".txt")
                if note.exists():
                    note.unlink()
            sync_folder(self.waiting)
            return len(moved)

    def refusals(self) -> dict[str, str]:
        """Return the refused runs with the reasons."""
        found = {}
        for path in sorted(self.refused.glob(f"*{SUFFIX}")):
            note = path.with_suffix(".txt")
            found[path.name] = note.read_text(encoding="utf-8").strip() if note.exists() else "no reason was kept"
        return found

    def _find(self, content_id: str) -> Entry | None:
        return next((entry for entry in self.entries() if entry.content_id == content_id), None)

    def _check_disk(self) -> None:
        free = shutil.disk_usage(str(self.folder)).free
        if free < self._min_free_bytes:
            raise SpoolFull(f"Only {free // MIB} MiB are free on the disk; {self._min_free_bytes // MIB} stay free.")

    def _make_room(self, byte_size: int) -> None:
        """Raises SpoolFull."""
        used = self.byte_size()
        waiting = self.entries()
        while used + byte_size > self._limit_bytes:
            if self._when_full == "refuse" or not waiting:
                raise SpoolFull(
                    f"{used // MIB} MiB wait in the spool ({self._limit_bytes // MIB} are allowed): the server has not "
                    "been reached for long."
                )
            oldest = waiting.pop(0)
            used -= oldest.byte_size
            self.remove(oldest)
            self.on_drop(oldest)
