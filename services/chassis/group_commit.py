"""Many small writes at once: whoever comes while a write is under way waits for the next, and all go together.

The load makes the batches: alone, a write starts at once; a hundred at a time share a few. Where much waits anyway, a
little patience makes fewer and larger ones of them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from proto.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for others before a write, and how many are enough."""

    seconds: float
    enough: int


NONE = Patience(0.0, 1)


class GroupCommit(Generic[T, R]):
    """Hands items to ``write`` in groups, one group at a time, in the order in which they came."""

    def __init__(
        self,
        write: Callable[[list[T]], Awaitable[list[R]]],
        most: int,
        patience: Callable[[], Patience] = lambda: NONE,
    ) -> None:
        """``write`` returns one result per item, in order, or raises Unavailable for all; ``most``: group size;
        ``patience`` is asked before each write.
        """
        self._write = write
        self._patience = patience
        self._more = asyncio.Event()
        self._most = most
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: T) -> R:
        """Return the item's result, when its group is written; raises what ``write`` raised for it."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._more.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="group-commit")
        return await future

    async def _work(self) -> None:
        while self._waiting:
            await self._wait_for_others()
            group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            await self._settle(group)

    async def _wait_for_others(self) -> None:
        patience = self._patience()
        if patience.seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(patience.seconds):
                while len(self._waiting) < min(patience.enough, self._most):
                    self._more.clear()
                    await self._more.wait()

    async def _settle(self, group: list[tuple[T, asyncio.Future[R]]]) -> None:
        """Write a group; if that fails, its halves, so that one bad item fails alone."""
        group = [(item, future) for item, future in group if not future.done()]
        if not group:
            return
        try:
            results = await self._write([item for item, _ in group])
        except Exception as error:
            if len(group) == 1 or isinstance(error, Unavailable):
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                return
            middle = len(group) // 2
            await self._settle(group[:middle])
            await self._settle(group[middle:])
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)
