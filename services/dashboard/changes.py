"""Which runs changed, told to pages that work on lists of them: small server-sent events from the one feed.

A page that reads slowly gets the latest of each run, and where too much came together only that it should look again.
"""

import asyncio
import json
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from proto.run import TrackingRun
from services.dashboard.doorkeeper import Doorkeeper
from services.dashboard.roles import Role, person_of

ADDRESS = "/ui/changes"
MOST = 200
"""Changes kept for a page; of more it is told to look again."""
EVERY_S = 0.5
HEARTBEAT_S = 15.0


def change_of(run: TrackingRun) -> dict[str, Any]:
    """Return what a list has to know of a run: whether it belongs there, and what a person said."""
    said = run.verification
    return {
        "run_id": run.run_id,
        "status": run.status.value,
        "camera": run.camera_id,
        "day": run.local_date.isoformat(),
        "received_at": run.received_at.isoformat(),
        "label": run.label,
        "certainty": run.result.certainty.value if run.result else None,
        "verification": said.model_dump(mode="json") if said else None,
    }


class Reader:
    """One open page."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, TrackingRun] = OrderedDict()
        self._missed = False
        self._over = asyncio.Event()
        self.stirred = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether the page or the server is gone."""
        return self._over.is_set()

    async def rest(self) -> None:
        """Let more come together; ends at once where the page goes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._over.wait()

    def end(self) -> None:
        """The page or the server goes."""
        self._over.set()
        self.stirred.set()

    def tell(self, run: TrackingRun) -> None:
        """Note a changed run."""
        self._runs[run.run_id] = run
        if len(self._runs) > MOST:
            self.miss()
        self.stirred.set()

    def miss(self) -> None:
        """Note that changes were missed."""
        self._runs.clear()
        self._missed = True
        self.stirred.set()

    def take(self) -> tuple[bool, list[dict[str, Any]]]:
        """Return whether changes were missed, and those since the last time."""
        missed, changes = self._missed, [change_of(run) for run in self._runs.values()]
        self._runs.clear()
        self._missed = False
        self.stirred.clear()
        return missed, changes


class Changes:
    """All pages that listen."""

    def __init__(self) -> None:
        self._readers: set[Reader] = set()

    def __len__(self) -> int:
        return len(self._readers)

    def join(self, reader: Reader) -> None:
        """From now on the page hears of changes."""
        self._readers.add(reader)

    def leave(self, reader: Reader) -> None:
        """The page is gone."""
        self._readers.discard(reader)

    def tell(self, run: TrackingRun) -> None:
        """A run changed."""
        for reader in self._readers:
            reader.tell(run)

    def close(self) -> None:
        """The server stops: end all streams."""
        for reader in self._readers:
            reader.end()

    def missed(self) -> None:
        """The stream broke: what happened meanwhile is not known."""
        for reader in self._readers:
            reader.miss()


class ChangesHandler(RequestHandler):
    """``GET /ui/changes``, for editors: events ``hello`` (our time), ``change`` (a list of runs), and ``missed``."""

    def initialize(self, changes: Changes, keeper: Doorkeeper) -> None:
        """Called by tornado with what the route was made with."""
        self._changes, self._keeper, self._reader = changes, keeper, Reader()

    async def get(self) -> None:
        """Tell what changes until the page goes."""
        person = person_of(self.request)
        if person is None or person.role < Role.EDITOR:
            self.set_status(403)
            return
        unwatch = self._keeper.watch(person.token, self._reader.end)
        self.set_header("Content-Type", "text/event-stream")
        # Caddy compresses nothing that says "no-transform": collecting would hold events back.
        self.set_header("Cache-Control", "no-store, no-transform")
        self._changes.join(self._reader)
        try:
            self.write(f"retry: 3000\nevent: hello\ndata: {json.dumps({'now': datetime.now(UTC).isoformat()})}\n\n")
            await self.flush()
            while not self._reader.over:
                self.write(await self._next(self._reader))
                await self.flush()
                await self._reader.rest()
        except StreamClosedError:
            pass
        finally:
            unwatch()
            self._changes.leave(self._reader)

    async def _next(self, reader: Reader) -> str:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await reader.stirred.wait()
        except TimeoutError:
            return ": heartbeat\n\n"
        missed, changes = reader.take()
        told = "event: missed\ndata: {}\n\n" if missed else ""
        return told + (f"event: change\ndata: {json.dumps(changes)}\n\n" if changes else "")

    def on_connection_close(self) -> None:
        """The page is gone."""
        self._reader.end()
