"""Micro-batching: images of all runs share the device in batches.

The rules: one batch in flight per device; a batch leaves when it is full or when the device is idle, so an empty queue
costs no waiting and a backlog batches by itself; the queue is bounded, and who feeds it waits; a failed batch is
bisected, so that one bad image fails alone.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from services.classifier.network import Network, Pixels, Probabilities

Clock = Callable[[], float]


class PredictionFailed(Exception):
    """The network failed on this very image, alone in its batch."""


Prediction = Probabilities | PredictionFailed
"""What came of one image"""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch that the device has worked on."""

    size: int
    seconds: float
    waited_s: float
    """How long its oldest image had waited"""
    failed: bool = False
    processor_s: float = field(default=0.0, compare=False)
    """Processor time of the device's thread; what helps it (OpenMP) not counted"""


class _Group:
    """Images that came together, and what is known of each; the future is done once all are."""

    def __init__(self, size: int) -> None:
        self.future: asyncio.Future[list[Prediction]] = asyncio.get_running_loop().create_future()
        self._found: dict[int, Prediction] = {}
        self._size = size

    def set(self, place: int, prediction: "Prediction") -> None:
        """Note what came of one image."""
        self._found[place] = prediction
        if len(self._found) == self._size and not self.future.done():
            self.future.set_result([self._found[each] for each in range(self._size)])


@dataclass(slots=True)
class _Item:
    pixels: Pixels
    group: _Group
    place: int
    queued_at: float


class BatchLimit:
    """How many images a batch may have now: as many as the device does in ``target_s``, at most ``maximum``.

    The target bounds what a newly arrived image waits for the batch before it. A batch that fails, be it for want of
    memory, halves the maximum; each success afterwards gives a little back.
    """

    def __init__(self, maximum: int, target_s: float) -> None:
        self._ceiling = maximum
        self._maximum = float(maximum)
        self._target_s = target_s
        self._seconds_per_image: float | None = None

    @property
    def value(self) -> int:
        """The present limit, at least 1."""
        affordable = self._maximum
        if self._seconds_per_image:
            affordable = min(affordable, self._target_s / self._seconds_per_image)
        return max(1, int(affordable))

    def succeeded(self, size: int, seconds: float) -> None:
        """Learn from a batch."""
        measured = seconds / size
        known = self._seconds_per_image
        # A lone image says little of what a full batch costs each of its images, so small batches count less.
        weight = 0.2 * min(1.0, size / self.value)
        self._seconds_per_image = measured if known is None else known + weight * (measured - known)
        self._maximum = min(self._ceiling, self._maximum * 1.05)

    def failed(self, size: int) -> None:
        """Learn from a failure."""
        if size > 1:
            self._maximum = max(1.0, min(self._maximum, size / 2))


class Batcher:
    """Feeds a network with batches. An async context manager; :meth:`classify` may be called by any number of tasks."""

    def __init__(
        self,
        network: Network,
        executor: ThreadPoolExecutor,
        *,
        max_batch: int = 32,
        queue_size: int = 256,
        max_wait_s: float = 0.0,
        target_s: float = 0.25,
        on_batch: Callable[[BatchReport], None] = lambda _: None,
        clock: Clock = time.perf_counter,
    ) -> None:
        """``executor`` has one thread per device, and whoever made it ends it; networks on one device share it."""
        self.network = network
        self.limit = BatchLimit(max_batch, target_s)
        self._executor = executor
        self._max_wait_s = max_wait_s
        self._on_batch = on_batch
        self._clock = clock
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(queue_size)
        self._dispatcher: asyncio.Task[None] | None = None
        self._processor_s = 0.0
        self._open: set[asyncio.Future[list[Prediction]]] = set()

    async def __aenter__(self) -> Self:
        self._dispatcher = asyncio.create_task(self._dispatch_forever(), name="batcher")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; whoever still waits for a result is cancelled."""
        assert self._dispatcher is not None  # noqa: S101 - set on entering
        self._dispatcher.cancel()
        with suppress(asyncio.CancelledError):
            await self._dispatcher
        for future in list(self._open):
            future.cancel()

    @property
    def waiting(self) -> int:
        """Images in the queue."""
        return self._queue.qsize()

    async def classify(self, pixels: Pixels) -> Probabilities:
        """Return one image's class probabilities [C]; waits while the queue is full.

        Raises:
            PredictionFailed: the network fails on this image.
        """
        [found] = await self.classify_all([pixels])
        if isinstance(found, PredictionFailed):
            raise found
        return found

    async def classify_all(self, images: Sequence[Pixels]) -> list[Prediction]:
        """Return what came of each image, in their order; they may be in batches with others. Raises nothing."""
        if not images:
            return []
        group = _Group(len(images))
        self._open.add(group.future)
        try:
            for place, pixels in enumerate(images):
                await self._queue.put(_Item(pixels, group, place, self._clock()))
            return await group.future
        finally:
            group.future.cancel()  # whoever is gone wants nothing of what still waits
            self._open.discard(group.future)

    async def _dispatch_forever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            await self._fill(batch)
            wanted = [item for item in batch if not item.group.future.done()]  # whoever was cancelled
            if wanted:
                await self._predict(wanted)

    async def _fill(self, batch: list[_Item]) -> None:
        """Add what waits, up to the limit; wait for more only if a maximum wait is set."""
        limit = self.limit.value
        self._take_waiting(batch, limit)
        if self._max_wait_s <= 0 or len(batch) >= limit:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._max_wait_s):
                while len(batch) < limit:
                    batch.append(await self._queue.get())
                    self._take_waiting(batch, limit)

    def _take_waiting(self, batch: list[_Item], limit: int) -> None:
        while len(batch) < limit and not self._queue.empty():
            batch.append(self._queue.get_nowait())

    async def _predict(self, items: Sequence[_Item]) -> None:
        """Predict a batch and hand out its rows; a failed one is halved until the bad images stand alone."""
        started = self._clock()
        waited = started - min(item.queued_at for item in items)
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self._executor, self._predict_now, [item.pixels for item in items])
        except Exception as error:  # whatever a network raises, it must not end the dispatcher
            self.limit.failed(len(items))
            self._on_batch(BatchReport(len(items), self._clock() - started, waited, failed=True))
            if len(items) == 1:
                failure = PredictionFailed(f"the network failed on it ({type(error).__name__}: {str(error)[:200]})")
                failure.__cause__ = error
                items[0].group.set(items[0].place, failure)
                return
            middle = len(items) // 2
            await self._predict(items[:middle])
            await self._predict(items[middle:])
            return
        seconds = self._clock() - started
        self.limit.succeeded(len(items), seconds)
        self._on_batch(BatchReport(len(items), seconds, waited, processor_s=self._processor_s))
        for item, row in zip(items, rows, strict=True):
            item.group.set(item.place, row)

    def _predict_now(self, images: Sequence[Pixels]) -> Probabilities:
        """Run the network (in the executor's thread).

        Raises:
            ValueError: the network yields another number of rows, or something that is no number.
        """
        worked = time.thread_time()
        rows = self.network.predict(np.stack(images))
        self._processor_s = time.thread_time() - worked
        if len(rows) != len(images):
            raise ValueError(f"{len(rows)} rows for {len(images)} images")
        if not np.isfinite(rows).all():
            raise ValueError("the result is not a number")
        return rows
