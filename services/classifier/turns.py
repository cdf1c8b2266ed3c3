"""Who may work when: one task per run, suspects alone, and reclassification only while no live run is in hand."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress


class Turns:
    """One task per run at a time: a job that comes again waits until the earlier try in this process has ended."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    def turn(self, run_id: str) -> "_Turn":
        """Return an async context that one task at a time is in, per run."""
        return _Turn(self._locks, run_id)


class _Turn:
    def __init__(self, locks: dict[str, tuple[asyncio.Lock, int]], run_id: str) -> None:
        self._locks, self._run_id = locks, run_id

    async def __aenter__(self) -> None:
        lock, users = self._locks.get(self._run_id, (asyncio.Lock(), 0))
        self._locks[self._run_id] = (lock, users + 1)
        try:
            await lock.acquire()
        except asyncio.CancelledError:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._locks[self._run_id][0].release()
        self._leave()

    def _leave(self) -> None:
        lock, users = self._locks[self._run_id]
        if users == 1:
            del self._locks[self._run_id]
        else:
            self._locks[self._run_id] = (lock, users - 1)


class Gate:
    """Lets background work begin only while no live work is in hand."""

    def __init__(self) -> None:
        self._live = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Be live work."""
        self._live += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._live -= 1
            if self._live == 0:
                self._idle.set()

    async def wait_idle(self, at_most_s: float) -> None:
        """Return once no live work is in hand, or after so many seconds (the broker waits half an hour)."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._idle.wait()


class Quarantine:
    """Lets a job that came back work alone: if it is the one that ends workers, it takes no other with it."""

    def __init__(self) -> None:
        self._running = 0
        self._door = asyncio.Lock()
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def enter(self, *, alone: bool) -> AsyncIterator[None]:
        """Work with others, or wait until they are done and let none begin before this one is."""
        async with self._door:
            if alone:
                await self._empty.wait()
                yield
                return
            self._running += 1
            self._empty.clear()
        try:
            yield
        finally:
            self._running -= 1
            if self._running == 0:
                self._empty.set()
