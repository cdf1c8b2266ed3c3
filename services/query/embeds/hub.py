"""The embeds' data and stream: read once a second at most, however many readers there are.

One :class:`EmbedHub` listens to the live stream as one reader. A verdict is told to the pages at once as ``visit``; the
day's counts are then read from the statistics and told as ``day``, so that every page has the same numbers and none has
to count. A page asks for JSON once, when it opens.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from prometheus_client import Gauge
from pydantic_core import to_json

from proto.camera import Camera
from proto.errors import CameraNotFound, KrabbelError
from services.chassis.cameras import Cameras
from services.chassis.logging import get_logger
from services.chassis.rollups import Rollups
from services.query.embeds.board import SHOWN, cut, day_of, today_of, visit_of
from services.query.live import EncodedEvent, Fan, LiveHub, Wanted, encoded
from services.query.run_filter import Page, RunFilter
from services.query.run_reader import RunReader

READERS = Gauge("krabbel_query_embed_readers", "Open streams of embeds")
EVERY_S = 1.0
KEEP_S = 5.0
"""So long a day is believed while nothing changes: it also makes midnight pass."""
log = get_logger(__name__)
ALL = ""


@dataclass(slots=True)
class Board:
    """What is shown of one camera, or of all."""

    document: dict[str, Any]
    body: bytes
    read_at: float
    dirty: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class EmbedHub:
    """Boards by camera (:data:`ALL`: of all that may be shown). Run :meth:`refresh_forever` as a task."""

    wanted = Wanted()

    def __init__(
        self, live: LiveHub, runs: RunReader, rollups: Rollups, cameras: Cameras, allowed: frozenset[str]
    ) -> None:
        """``allowed``: the cameras that may be shown; empty: all."""
        self._live, self._listening = live, False
        self._runs, self._rollups, self._cameras, self._allowed = runs, rollups, cameras, allowed
        self._boards: dict[str, Board] = {}
        self._known: dict[str, Camera] = {}
        self._fans: dict[str, Fan] = {}
        self._changed = asyncio.Event()
        self._gone = False

    # -- what the pages ask -----------------------------------------------------------------------------------------

    @property
    def readers(self) -> int:
        """The number of open streams."""
        return sum(fan.readers for fan in self._fans.values())

    async def fan(self, camera: str) -> Fan:
        """Return the readers of one camera or of all.

        Raises:
            CameraNotFound: there is none, or it may not be shown.
        """
        await self.body(camera)
        return self._fans.setdefault(camera, Fan())

    async def body(self, camera: str) -> bytes:
        """Return the board as JSON, not older than the last change, read once for all who ask together.

        Raises:
            CameraNotFound: there is none, or it may not be shown.
        """
        if camera and self._allowed and camera not in self._allowed:
            raise CameraNotFound(f"No camera {camera!r} may be embedded.")
        if not self._listening:  # the first page; before, embeds cost nothing
            self._listening = True
            self._live.add(self)
        board = self._boards.get(camera)
        if board is None:
            board = Board({}, b"", 0.0)
            await self._read(camera, board)
            board = self._boards.setdefault(camera, board)
        elif time.monotonic() - board.read_at > KEEP_S:
            async with board.lock:
                if time.monotonic() - board.read_at > KEEP_S:
                    await self._read(camera, board)
        return board.body

    # -- what the live stream tells ---------------------------------------------------------------------------------

    def send(self, event: EncodedEvent) -> bool:
        """Take an event of the live stream."""
        shown = not self._allowed or event.camera_id in self._allowed
        if event.type == "run.classified" and event.label is not None and shown:
            for camera in (ALL, event.camera_id):
                if camera in self._boards:
                    self._boards[camera].dirty = True
                    self._changed.set()
            visit = visit_of(orjson.loads(event.json)["run"], event.label, self._known.get(event.camera_id))
            if visit is not None:
                self._tell_visit(event, visit)
        return not self._gone

    def beat(self) -> bool:
        """Pass the heartbeat on."""
        for fan in self._fans.values():
            fan.each(None, lambda reader: reader.beat())
        READERS.set(self.readers)
        return not self._gone

    def reset(self) -> bool:
        """Events may be missing: all boards are read anew."""
        for board in self._boards.values():
            board.dirty = True
        self._changed.set()
        return not self._gone

    def gone(self) -> bool:
        """Say whether it was closed."""
        return self._gone

    def close(self) -> None:
        """End all streams."""
        self._gone = True
        for fan in self._fans.values():
            fan.close()

    def _tell_visit(self, event: EncodedEvent, visit: dict[str, Any]) -> None:
        for camera in (ALL, event.camera_id):
            board = self._boards.get(camera)
            latest = board.document.get("latest") if board else None
            if board is None or (latest and cut(latest) > cut(visit)):
                continue  # an older run that got a new verdict is no new visitor
            board.document["latest"] = visit
            board.body = to_json(board.document)
            self._tell(camera, "visit", to_json(visit))

    def _tell(self, camera: str, kind: str, data: bytes) -> None:
        if fan := self._fans.get(camera):
            message = encoded("", kind, camera, None, data)
            fan.each(None, lambda reader: reader.send(message))

    # -- reading ----------------------------------------------------------------------------------------------------

    async def refresh_forever(self) -> None:
        """Read boards that changed, each once a second at most."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for camera, board in list(self._boards.items()):
                if board.dirty:
                    board.dirty = False
                    before = board.document.get("counts")
                    try:
                        await self._read(camera, board)
                    except KrabbelError as error:
                        log.warning("an embed's numbers wait", reason=error.detail)
                        board.dirty = True
                        self._changed.set()
                    if board.document.get("counts") != before:
                        self._tell(camera, "day", to_json(board.document["counts"]))
            await asyncio.sleep(EVERY_S)

    async def _read(self, camera: str, board: Board) -> None:
        self._known = {one.camera_id: one for one in await self._cameras.all()}
        if camera and camera not in self._known:
            raise CameraNotFound(f"No camera has the id {camera!r}.")
        shown = (camera,) if camera else tuple(sorted(self._allowed))
        day = today_of([self._known[one] for one in shown or self._known if one in self._known], datetime.now(UTC))
        tally = await self._rollups.periods([day.isoformat()], shown, ("runs", "hours"))
        latest = await self._runs.documents(
            RunFilter(cameras=shown, insect=True, certainties=SHOWN, classified=True), Page(limit=1), ()
        )
        visits = [
            visit_of(run, (run.get("verification") or run["result"])["label"], self._known.get(run["camera_id"]))
            for run in latest[0]
            if run["result"]
        ]
        board.document = {"counts": day_of(day, tally), "latest": visits[0] if visits else None}
        board.body = to_json(board.document)
        board.read_at = time.monotonic()
