"""Who may come in now: places for uploads, and a limit on wrong keys per address."""

import asyncio
import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from proto.errors import TooManyRequests
from services.ingest.metrics import UPLOADS_NOW

WINDOW_S = 60.0
MAX_ADDRESSES = 10_000
Network = IPv4Network | IPv6Network


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
        self._per_minute = per_minute
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._trusted: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def check(self, address: str, key: str | None) -> None:
        """Return if the key may be looked at.

        Raises:
            TooManyRequests: the address sent too many wrong ones.
        """
        failures = self._failures.get(address)
        if failures is None:
            return
        now = time.monotonic()
        while failures and failures[0] < now - WINDOW_S:
            failures.popleft()
        if not failures:
            del self._failures[address]
        elif len(failures) >= self._per_minute and (address, _digest(key)) not in self._trusted:
            wait = max(1, round(failures[0] + WINDOW_S - now))
            raise TooManyRequests("Too many wrong keys came from this address.", retry_after_s=wait)

    def failed(self, address: str) -> None:
        """Note a wrong key."""
        self._failures.setdefault(address, deque(maxlen=self._per_minute)).append(time.monotonic())
        self._failures.move_to_end(address)
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, key: str | None) -> None:
        """Note a right one."""
        entry = (address, _digest(key))
        self._trusted[entry] = None
        self._trusted.move_to_end(entry)
        while len(self._trusted) > MAX_ADDRESSES:
            self._trusted.popitem(last=False)


def _digest(key: str | None) -> bytes:
    return hashlib.sha256((key or "").encode("utf-8", "surrogateescape")).digest()


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks in a comma-separated list. Raises ValueError for what is none."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def client_address(peer: str | None, forwarded_for: str, proxies: tuple[Network, ...]) -> str:
    """Return the address of the client: the last one in X-Forwarded-For that is no proxy of ours.

    The header is believed only where the connection itself comes from a trusted proxy.
    """
    address = peer or "unknown"
    for hop in [*reversed([part.strip() for part in forwarded_for.split(",") if part.strip()])]:
        if not _within(address, proxies):
            break
        address = hop
    return address[:64]


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks if network.version == parsed.version)
