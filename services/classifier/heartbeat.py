"""Tells the others that this worker lives, and with which model it works."""

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from proto.errors import Unavailable
from services.chassis.workers import BEAT_S, Workers, WorkerStatus
from services.classifier.handling import Tally
from services.classifier.model_file import default_threads
from services.classifier.pace import Pace
from services.classifier.shelf import Shelf


class Heartbeat:
    """Reports one worker every few seconds."""

    def __init__(
        self,
        workers: Workers,
        shelf: Shelf,
        tally: Tally,
        threads: int,
        in_hand: Callable[[], dict[str, int]] = dict,
    ) -> None:
        """``threads``: as in the settings; ``in_hand``: tells the runs in hand by queue."""
        self._in_hand = in_hand
        self._pace = Pace(time.monotonic())
        self._workers = workers
        self._shelf = shelf
        self._tally = tally
        self._threads = threads or default_threads()
        self._host = socket.gethostname()
        self._id = f"{self._host}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._started_at = datetime.now(UTC)

    async def beat_forever(self) -> None:
        """Report until cancelled, and take the worker off the list at the end."""
        try:
            while True:
                with suppress(Unavailable):
                    await self._workers.beat(self.status())
                await asyncio.sleep(BEAT_S)
        finally:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(2):
                    await self._workers.leave(self._id)

    def status(self) -> WorkerStatus:
        """Return how the worker is now."""
        model = self._shelf.current.model
        return WorkerStatus(
            worker_id=self._id,
            host=self._host,
            pid=os.getpid(),
            model_id=model.identity.model_id,
            model_sha256=model.identity.sha256,
            model_format=model.identity.format,
            demo=model.identity.demo,
            classes=model.network.names,
            image_size=model.network.image_size,
            runtime=model.network.runtime,
            device=model.network.device,
            threads=self._threads,
            trouble=self._shelf.trouble,
            runtimes_measured={found.runtime: round(found.images_per_s, 1) for found in model.measurements},
            started_at=self._started_at,
            seen_at=datetime.now(UTC),
            runs=self._tally.runs,
            images=self._tally.images,
            images_per_s=round(self._pace.note(time.monotonic(), self._tally.images), 2),
            in_hand=self._in_hand(),
        )
