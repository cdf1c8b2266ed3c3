"""Finds tracks that have ended in a data folder of insect-detect, and hands them to the spool.

A track has ended when it got no new crop for ``quiet_s`` seconds. Crops that come later all the same (a session whose
pictures are cropped afterwards) make another run of the same track: nothing is lost, nothing is sent twice.

Order of steps, for power cuts: the run is durable in the spool, then its crops are noted in the journal. A cut between
the two hands the track over again; the spool knows it by its content, and the server is asked before bytes are sent.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Callable

from krabbel_trap.client import TrapClient
from krabbel_trap.errors import NothingToSend, SpoolFull
from krabbel_trap.failpoints import reach
from krabbel_trap.insect_detect import SeenCrop, read_session, run_of, sessions, signature
from krabbel_trap.journal import Journal

log = logging.getLogger("krabbel_trap")


class Watcher:
    """Looks again and again.

    Args:
        folder: the data folder, or one session.
        client: takes the runs.
        quiet_s: seconds without a new crop after which a track has ended; 0: all have.
        monotonic, now: clocks, for tests.
    """

    def __init__(
        self,
        folder: Path,
        client: TrapClient,
        quiet_s: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._client, self._quiet_s = client, quiet_s
        self._monotonic, self._now = monotonic, now
        self._journal = Journal(client.spool.folder / "journal.sqlite")
        self._seen: dict[tuple[str, str], tuple[int, float]] = {}
        self._done: dict[str, tuple[int, ...]] = {}
        self._first = True
        self._handed = 0

    def scan(self) -> int:
        """Look once; return how many runs were handed over. A full spool ends the look: the next one goes on."""
        before = self._handed
        found = list(sessions(self.folder))
        try:
            for session in found:
                self._scan_session(session)
        except SpoolFull as error:
            log.warning("waiting for room in the spool: %s", error)
            return self._handed - before
        if self.folder.is_dir() and self._first:
            self._journal.forget_others(self._key(session) for session in found)
        self._first = False
        return self._handed - before

    def pending(self) -> int:
        """Return how many tracks were seen and have not ended yet."""
        return len(self._seen)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _key(self, session: Path) -> str:
        return str(session.resolve())

    def _scan_session(self, session: Path) -> None:
        key = self._key(session)
        now_there = signature(session)
        if self._done.get(key) == now_there:
            return
        known = self._journal.handed(key)
        open_tracks = 0
        for track_id, crops in read_session(session).items():
            fresh = [crop for crop in crops if crop.path.name not in known]
            if not fresh:
                self._seen.pop((key, track_id), None)
            elif self._has_ended(key, track_id, fresh):
                self._hand_over(key, track_id, fresh)
            else:
                open_tracks += 1
        if not open_tracks:
            self._done[key] = now_there

    def _has_ended(self, key: str, track_id: str, crops: list[SeenCrop]) -> bool:
        """By the files' age; and by watching, since a trap's clock may jump when it hears the time."""
        newest = max(crop.path.stat().st_mtime for crop in crops)
        if 0 <= newest <= self._now() - self._quiet_s:
            return True
        count, since = self._seen.get((key, track_id), (-1, 0.0))
        if count != len(crops):
            since = self._monotonic()
            self._seen[key, track_id] = (len(crops), since)
        return self._monotonic() - since >= self._quiet_s

    def _hand_over(self, key: str, track_id: str, crops: list[SeenCrop]) -> None:
        try:
            # What lay there at the start may have been sent by an earlier process that died.
            self._client.put(run_of(track_id, crops), fresh=not self._first)
            self._handed += 1
        except NothingToSend as error:
            log.warning("%s: %s", key, error)
        reach("before-journal")
        self._journal.add(key, (crop.path.name for crop in crops))
        reach("after-journal")
        self._seen.pop((key, track_id), None)
