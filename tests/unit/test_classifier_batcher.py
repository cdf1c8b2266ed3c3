"""Micro-batching by its rules, with a network that does what the test says, when it says so."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
import pytest

from services.classifier.batcher import Batcher, BatchLimit, BatchReport, PredictionFailed
from services.classifier.network import Pixels, Probabilities


class Network:
    """Writes down its batches; works on each when the test lets it; fails on images whose first pixel is 13."""

    names = ("a", "b")
    image_size = 2
    runtime = "fake"
    device = "cpu"

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.started = threading.Semaphore(0)
        self._gate = threading.Semaphore(0)
        self._held = held
        self.in_flight = 0
        self.most_in_flight = 0
        self.breaks: Callable[[list[int]], Exception | None] = lambda images: (
            RuntimeError("unlucky") if 13 in images else None
        )

    def predict(self, batch: Pixels) -> Probabilities:
        images = [int(image[0, 0, 0]) for image in batch]
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.batches.append(images)
        self.started.release()
        try:
            if self._held:
                assert self._gate.acquire(timeout=10)
            error = self.breaks(images)
            if error is not None:
                raise error
            return np.array([[number / 100, 1 - number / 100] for number in images], np.float32)
        finally:
            self.in_flight -= 1

    def let_go(self, batches: int = 1) -> None:
        for _ in range(batches):
            self._gate.release()

    def release_forever(self) -> None:
        self._held = False
        self._gate.release()

    def warm_up(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def image(number: int) -> Pixels:
    return np.full((3, 2, 2), number, np.uint8)


@asynccontextmanager
async def batching(network: Network, **options: object) -> AsyncIterator[Batcher]:
    with ThreadPoolExecutor(1) as executor:
        try:
            async with Batcher(network, executor, **options) as batcher:  # type: ignore[arg-type]
                yield batcher
        finally:
            network.release_forever()


async def started(network: Network) -> None:
    assert await asyncio.to_thread(network.started.acquire, timeout=10)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_each_caller_gets_its_own_row() -> None:
    async with batching(Network()) as batcher:
        rows = await asyncio.gather(*(batcher.classify(image(number)) for number in range(20, 70)))
    assert [round(float(row[0]) * 100) for row in rows] == list(range(20, 70))


async def test_idle_device_takes_a_lone_image_at_once() -> None:
    network = Network()
    async with batching(network, max_batch=32) as batcher:
        await batcher.classify(image(1))
    assert network.batches == [[1]]


async def test_backlog_batches_by_itself_while_the_device_works() -> None:
    network = Network(held=True)
    async with batching(network, max_batch=4) as batcher:
        tasks = [asyncio.create_task(batcher.classify(image(1)))]
        await started(network)
        tasks += [asyncio.create_task(batcher.classify(image(number))) for number in range(2, 8)]
        await until(lambda: batcher.waiting == 6)
        network.release_forever()
        await asyncio.gather(*tasks)
    assert network.batches == [[1], [2, 3, 4, 5], [6, 7]]
    assert network.most_in_flight == 1


async def test_two_networks_on_one_device_never_work_at_once() -> None:
    first = Network()
    second = Network()
    second.predict = first.predict  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as executor:
        async with Batcher(first, executor) as one, Batcher(second, executor) as other:
            await asyncio.gather(*(batcher.classify(image(1)) for batcher in (one, other) * 20))
    assert first.most_in_flight == 1


async def test_full_queue_makes_callers_wait() -> None:
    network = Network(held=True)
    async with batching(network, max_batch=1, queue_size=2) as batcher:
        tasks = [asyncio.create_task(batcher.classify(image(number))) for number in range(10)]
        await started(network)
        for _ in range(20):
            await asyncio.sleep(0)
        assert batcher.waiting == 2
        network.release_forever()
        assert len(await asyncio.gather(*tasks)) == 10


async def test_one_bad_image_fails_alone() -> None:
    network = Network(held=True)
    async with batching(network, max_batch=16) as batcher:
        first = asyncio.create_task(batcher.classify(image(1)))
        await started(network)
        tasks = [asyncio.create_task(batcher.classify(image(number))) for number in (10, 11, 12, 13, 14, 15, 16)]
        await until(lambda: batcher.waiting == 7)
        network.release_forever()
        results = await asyncio.gather(first, *tasks, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    assert len(failures) == 1
    assert isinstance(failures[0], PredictionFailed)
    assert "unlucky" in str(failures[0])
    assert isinstance(results[4], PredictionFailed)
    assert [13] in network.batches


@pytest.mark.parametrize(
    ("rows", "reason"),
    [(np.zeros((0, 2), np.float32), "0 rows for 1 images"), (np.array([[np.nan, 1]], np.float32), "not a number")],
)
async def test_senseless_results_are_failures(rows: Probabilities, reason: str) -> None:
    network = Network()
    network.predict = lambda batch: rows  # type: ignore[method-assign, assignment]
    async with batching(network) as batcher:
        with pytest.raises(PredictionFailed, match=reason):
            await batcher.classify(image(1))


async def test_dispatcher_survives_a_network_that_always_fails() -> None:
    network = Network()
    network.breaks = lambda _: MemoryError("full")
    async with batching(network) as batcher:
        results = await asyncio.gather(
            *(batcher.classify(image(number)) for number in range(9)), return_exceptions=True
        )
        assert all(isinstance(result, PredictionFailed) for result in results)
        network.breaks = lambda _: None
        assert (await batcher.classify(image(50)))[0] == pytest.approx(0.5)


async def test_cancelled_callers_are_not_worked_for() -> None:
    network = Network(held=True)
    async with batching(network, max_batch=8) as batcher:
        first = asyncio.create_task(batcher.classify(image(1)))
        await started(network)
        others = [asyncio.create_task(batcher.classify(image(number))) for number in (2, 3, 4)]
        await until(lambda: batcher.waiting == 3)
        others[1].cancel()
        await until(others[1].done)
        network.release_forever()
        await asyncio.gather(first, others[0], others[2])
    assert network.batches == [[1], [2, 4]]


async def test_closing_cancels_whoever_waits() -> None:
    network = Network(held=True)
    async with batching(network, max_batch=1) as batcher:
        tasks = [asyncio.create_task(batcher.classify(image(number))) for number in (1, 2, 3)]
        await started(network)
        network.let_go(0)
    assert all(
        isinstance(result, asyncio.CancelledError) for result in await asyncio.gather(*tasks, return_exceptions=True)
    )


async def test_maximum_wait_collects_a_fuller_batch() -> None:
    network = Network()
    async with batching(network, max_batch=3, max_wait_s=10) as batcher:
        tasks = []
        for number in range(3):
            tasks.append(asyncio.create_task(batcher.classify(image(number))))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)  # the third fills the batch: nobody waits for ten seconds
    assert network.batches == [[0, 1, 2]]


async def test_reports_say_size_and_time_of_each_batch() -> None:
    ticks = iter(range(100))
    reports: list[BatchReport] = []
    async with batching(Network(), clock=lambda: float(next(ticks)), on_batch=reports.append) as batcher:
        await batcher.classify(image(1))
    assert reports == [BatchReport(size=1, seconds=1.0, waited_s=1.0)]


def test_limit_shrinks_until_a_batch_takes_the_target_time() -> None:
    limit = BatchLimit(64, target_s=0.25)
    assert limit.value == 64
    for _ in range(50):
        limit.succeeded(limit.value, limit.value * 0.05)
    assert limit.value == 5


def test_limit_stays_at_the_maximum_on_a_fast_device() -> None:
    limit = BatchLimit(32, target_s=0.25)
    for _ in range(50):
        limit.succeeded(32, 0.01)
    assert limit.value == 32


def test_lone_slow_images_hardly_count() -> None:
    limit = BatchLimit(32, target_s=0.25)
    for _ in range(20):
        limit.succeeded(32, 0.032)
    limit.succeeded(1, 0.05)
    assert limit.value == 32


def test_limit_halves_on_failure_and_recovers() -> None:
    limit = BatchLimit(32, target_s=1)
    limit.failed(32)
    assert limit.value == 16
    limit.failed(16)
    assert limit.value == 8
    limit.failed(1)
    assert limit.value == 8
    for _ in range(40):
        limit.succeeded(limit.value, 0.001)
    assert limit.value == 32
