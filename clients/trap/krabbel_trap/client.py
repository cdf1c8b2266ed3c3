"""The Python interface: hand over a run, and forget it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Union

from krabbel_trap.entry import Entry
from krabbel_trap.memory import Memory
from krabbel_trap.run import Crop, Moment, TrackingRun, as_text
from krabbel_trap.sender import Sender
from krabbel_trap.spool import MIB, Spool
from krabbel_trap.transport import Transport

CropLike = Union[Crop, str, Path, "tuple[str, bytes]"]
log = logging.getLogger("krabbel_trap")


class TrapClient:
    """Keeps runs on disk and sends them in the background. Safe to use from several threads.

    Args:
        url: address of the server.
        key: the camera's key (``krabbel camera add`` prints it).
        spool: folder on a disk that survives a power cut.
        camera_id: needed only with a key for all cameras.
        limit_bytes, min_free_bytes, when_full: see :class:`krabbel_trap.spool.Spool`.
        legacy: the server knows only ``POST /classify/{track}``.
        start: False leaves the sending to another process with the same spool.
        base_s, cap_s: first and longest wait while the server is away.
    """

    def __init__(
        self,
        url: str,
        key: str,
        spool: str | Path,
        camera_id: str | None = None,
        limit_bytes: int = 1024 * MIB,
        min_free_bytes: int = 200 * MIB,
        when_full: str = "refuse",
        legacy: bool = False,
        start: bool = True,
        base_s: float = 1.0,
        cap_s: float = 300.0,
    ) -> None:
        self.spool = Spool(Path(spool), limit_bytes, min_free_bytes, when_full)
        self.key = key.strip()
        self.transport = Transport(url, self.key, camera_id, legacy)
        self.memory = Memory(self.spool.folder, self.transport.url, self.key)
        self.spool.on_drop = self._dropped
        self.sender: Sender | None = None
        self._wants_to_send, self._waits = start, (base_s, cap_s)
        self._take_turn()
        if start and self.sender is None:
            log.info("another process sends from %s; this one only puts runs in", self.spool.folder)

    @property
    def camera_id(self) -> str | None:
        """The camera's id, as given or as the server has told it."""
        return self.transport.camera_id or self.memory.camera_id

    def send_run(
        self,
        tracking_id: str | int,
        started: Moment,
        ended: Moment,
        crops: Iterable[CropLike],
        duration_s: float | None = None,
        trap: Mapping[str, Any] | None = None,
    ) -> str:
        """Take a run; when this returns, it is safe on disk and will be sent. Returns its content id.

        Args:
            tracking_id: the trap's own id of the insect's track.
            started, ended: first and last sight; naive times are the camera's local time.
            crops: :class:`Crop` objects, paths, or pairs of file name and bytes.
            duration_s: as measured; else ended - started.
            trap: device_id, session_id, track_status, lens_position, iso_sensitivity, exposure_time, as far as known.

        Raises:
            SpoolFull: no room (see ``when_full``).
            NothingToSend: no usable picture.
        """
        if duration_s is None and isinstance(started, datetime) and isinstance(ended, datetime):
            duration_s = (ended - started).total_seconds()
        run = TrackingRun(
            str(tracking_id),
            as_text(started),
            as_text(ended),
            tuple(as_crop(crop) for crop in crops),
            duration_s,
            trap or {},
        )
        return self.put(run, fresh=True).content_id

    def put(self, run: TrackingRun, fresh: bool = False) -> Entry:
        """Take a run as :meth:`send_run` does; without ``fresh`` the server is asked first whether it has it."""
        entry = self.spool.put(run, fresh=fresh)
        self._take_turn()
        if self.sender is not None:
            self.sender.wake()
        return entry

    def flush(self, timeout_s: float) -> bool:
        """Try to send all that waits, at once; return whether the spool became empty in time."""
        deadline = time.monotonic() + timeout_s
        self._take_turn()
        if self.sender is not None:
            self.sender.hurry()
        while self.spool.entries():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        return True

    def close(self, flush_s: float = 0.0) -> None:
        """Stop sending. What was not sent stays on disk, for the next start."""
        if flush_s > 0:
            self.flush(flush_s)
        if self.sender is not None:
            self.sender.stop()
        self.spool.release()
        self.transport.session.close()

    def _take_turn(self) -> None:
        """Become the process that sends, if this one should and no other one does (any more)."""
        if self._wants_to_send and self.sender is None and self.spool.acquire():
            self.sender = Sender(self.spool, self.transport, self.memory, *self._waits)
            self.sender.start()

    def _dropped(self, entry: Entry) -> None:
        log.error("%s was given up: the spool is full", entry.path.name)
        self.memory.dropped()

    def __enter__(self) -> TrapClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def as_crop(crop: CropLike) -> Crop:
    """Return a crop in whichever way it was given."""
    if isinstance(crop, Crop):
        return crop
    if isinstance(crop, tuple):
        return Crop(crop[0], crop[1])
    return Crop(Path(crop).name, Path(crop))


def send_run(
    url: str,
    key: str,
    spool: str | Path,
    tracking_id: str | int,
    started: Moment,
    ended: Moment,
    crops: Iterable[CropLike],
    timeout_s: float = 30.0,
    **options: Any,
) -> bool:
    """Keep one run, try to send it, and return whether the spool is empty now. For scripts that send now and then.

    What could not be sent in time goes out with the next call. ``options`` are those of :class:`TrapClient`.
    """
    with TrapClient(url, key, spool, **options) as client:
        client.send_run(tracking_id, started, ended, crops)
        return client.flush(timeout_s)
