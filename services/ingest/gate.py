"""Who may come in now: places for uploads, and a limit on wrong keys per address."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proto.errors import TooManyRequests
from services.chassis.failures import MOST_KEYS, Failures
from services.ingest.metrics import UPLOADS_NOW

WINDOW_S = 60.0


class Places:
    """At most so many uploads at once, of one camera and of all. Who finds none waits a while: traps never retry."""

    def __init__(self, per_camera: int, overall: int, wait_s: float) -> None:
        self._per_camera, self._wait_s = per_camera, wait_s
        self._overall = asyncio.Semaphore(overall)
        self._cameras: dict[str, tuple[asyncio.Semaphore, int]] = {}
        self.taken = 0

    @asynccontextmanager
    async def take(self, camera_id: str) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            TooManyRequests: none became free in time.
        """
        semaphore, users = self._cameras.get(camera_id, (asyncio.Semaphore(self._per_camera), 0))
        self._cameras[camera_id] = (semaphore, users + 1)
        try:
            await self._acquire(semaphore, f"Camera {camera_id!r} has {self._per_camera} uploads under way already.")
            try:
                await self._acquire(self._overall, "Too many uploads are under way.")
                self.taken += 1
                UPLOADS_NOW.set(self.taken)
                try:
                    yield
                finally:
                    self.taken -= 1
                    UPLOADS_NOW.set(self.taken)
                    self._overall.release()
            finally:
                semaphore.release()
        finally:
            semaphore, users = self._cameras.pop(camera_id)
            if users > 1:
                self._cameras[camera_id] = (semaphore, users - 1)

    async def _acquire(self, semaphore: asyncio.Semaphore, why_not: str) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await semaphore.acquire()
        except TimeoutError as error:
            raise TooManyRequests(f"{why_not} Try again later.") from error


class FailedKeys:
    """Counts wrong keys per address in a sliding minute.

    A blocked address is answered 429 before its key is looked at, so guessing is slow even for a short key of the
    predecessor. Keys that were right from that address before pass all the same: whoever shares a router with a
    guesser does not lose insects.
    """

    def __init__(self, per_minute: int) -> None:
        self._failures = Failures(per_minute, WINDOW_S)
        self._trusted: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def check(self, address: str, key: str | None) -> None:
        """Return if the key may be looked at.

        Raises:
            TooManyRequests: the address sent too many wrong ones.
        """
        wait = self._failures.wait_s(address)
        if wait and (address, _digest(key)) not in self._trusted:
            raise TooManyRequests("Too many wrong keys came from this address.", retry_after_s=max(1, round(wait)))

    def failed(self, address: str) -> None:
        """Note a wrong key."""
        self._failures.note(address)

    def succeeded(self, address: str, key: str | None) -> None:
        """Note a right one."""
        entry = (address, _digest(key))
        self._trusted[entry] = None
        self._trusted.move_to_end(entry)
        while len(self._trusted) > MOST_KEYS:
            self._trusted.popitem(last=False)


def _digest(key: str | None) -> bytes:
    return hashlib.sha256((key or "").encode("utf-8", "surrogateescape")).digest()
