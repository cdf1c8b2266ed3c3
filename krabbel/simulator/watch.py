"""Follows the live stream, to know when an uploaded run is classified."""

import asyncio
import time
from contextlib import suppress

from krabbel.client import QueryClient
from proto.errors import Unavailable
from proto.live import LiveEvent, LiveEventType


class Watcher:
    """Remembers when each run's first ``run.classified`` or ``run.failed`` arrived, and how often."""

    def __init__(self, base_url: str, read_key: str) -> None:
        self._base_url, self._read_key = base_url, read_key
        self.classified: dict[str, float] = {}
        self.failed: set[str] = set()
        self._connected = asyncio.Event()
        self._news = asyncio.Event()

    async def follow(self) -> None:
        """Read the stream until cancelled; reconnect, resuming after the last event."""
        last: str | None = None
        async with QueryClient(self._base_url, self._read_key) as client:
            while True:
                with suppress(Unavailable):
                    async for event in client.live(last, opened=self._connected):
                        last = self._note(event)
                await asyncio.sleep(0.5)

    def _note(self, event: LiveEvent) -> str:
        if event.type is LiveEventType.CLASSIFIED:
            self.classified.setdefault(event.run.run_id, time.monotonic())
        elif event.type is LiveEventType.FAILED:
            self.failed.add(event.run.run_id)
        self._news.set()
        return event.event_id

    async def connected(self, timeout_s: float) -> bool:
        """Wait until the stream is open; False if it is not in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), timeout_s)
        return self._connected.is_set()

    async def all_done(self, run_ids: set[str], timeout_s: float) -> bool:
        """Wait until every run is classified or failed; False when the time is over first."""
        deadline = time.monotonic() + timeout_s
        while not run_ids <= self.classified.keys() | self.failed:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, 1.0))
        return True
