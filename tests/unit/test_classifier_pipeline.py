"""From a job to a classification, with a store that is a dict and a network that reads the mean colour."""

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from proto.classification import Certainty
from proto.errors import Unavailable
from proto.job import ClassifyJob, JobImage
from services.chassis.object_store import ObjectNotFound
from services.classifier.aggregate import NoReadableImage
from services.classifier.batcher import Batcher
from services.classifier.network import ModelIdentity, Pixels, Probabilities
from services.classifier.pipeline import ModelCrashed, Pipeline

NOW = datetime(2024, 5, 15, 8, 0, tzinfo=UTC)
THREADS = 5
IDENTITY = ModelIdentity("colours", "1", "0" * 64, "fake", demo=True)


class Colours:
    """Red pictures are bees, others ants; it fails on pure white ones."""

    names = ("ant", "bee", "fly", "bug", "wasp", "lepi")
    image_size = 8
    runtime = "fake"
    device = "cpu"

    def predict(self, batch: Pixels) -> Probabilities:
        if (batch.reshape(len(batch), -1).min(axis=1) == 255).any():
            raise RuntimeError("too bright")
        red = batch[:, 0].mean(axis=(1, 2)) / 255
        rest = (1 - red[:, None]) * np.array([[0.9, 0.05, 0.03, 0.02, 0.0]])
        return np.concatenate([rest[:, :1], red[:, None], rest[:, 1:]], axis=1).astype(np.float32)

    def warm_up(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class Store:
    """Objects in memory; away when told so; counts how many are read at once."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.away = False
        self.reading = 0
        self.most_reading = 0
        self.lock = threading.Lock()

    def add(self, colour: tuple[int, int, int] | bytes) -> JobImage:
        data = colour if isinstance(colour, bytes) else picture(colour)
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects[sha256] = data
        return JobImage(sha256=sha256, object_key=sha256)

    def get(self, key: str) -> bytes:
        with self.lock:
            self.reading += 1
            self.most_reading = max(self.most_reading, self.reading)
        time.sleep(0.001)
        with self.lock:
            self.reading -= 1
        if self.away:
            raise Unavailable("The store is away.")
        if key not in self.objects:
            raise ObjectNotFound(key)
        return self.objects[key]


def picture(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 30), colour).save(buffer, "PNG")
    return buffer.getvalue()


def job_of(*images: JobImage) -> ClassifyJob:
    return ClassifyJob(run_id="a" * 32, camera_id="garden", images=images, published_at=NOW)


@asynccontextmanager
async def pipeline_on(store: Store, **options: int) -> AsyncIterator[Pipeline]:
    with ThreadPoolExecutor(1) as device, ThreadPoolExecutor(THREADS) as threads:
        async with Batcher(Colours(), device) as batcher:
            yield Pipeline(IDENTITY, batcher, store.get, threads, thread_count=THREADS, now=lambda: NOW, **options)


RED, BROWN, WHITE = (250, 0, 0), (100, 60, 0), (255, 255, 255)


async def test_run_is_classified_with_the_top_five_of_each_image() -> None:
    store = Store()
    images = [store.add(RED), store.add((240, 0, 0)), store.add(BROWN)]
    async with pipeline_on(store) as pipeline:
        found = await pipeline.classify(job_of(*images))
    assert (found.run_id, found.model_id) == ("a" * 32, "colours@1")
    assert [image.sha256 for image in found.images] == [image.sha256 for image in images]
    assert [image.top[0].label for image in found.images] == ["bee", "bee", "ant"]
    assert all(len(image.top) == 5 for image in found.images)
    assert (found.result.label, found.result.top1_images, found.result.images) == ("bee", 2, 3)
    assert found.result.best_image == images[0].sha256
    assert found.result.demo_model
    assert found.result.classified_at == NOW


async def test_images_that_cannot_be_read_are_skipped_and_say_why() -> None:
    store = Store()
    torn, gone, bright, swapped = store.add(b"torn"), store.add((1, 2, 3)), store.add(WHITE), store.add((5, 5, 5))
    del store.objects[gone.object_key]
    store.objects[swapped.object_key] = picture(RED)
    async with pipeline_on(store) as pipeline:
        found = await pipeline.classify(job_of(torn, store.add(RED), gone, bright, swapped))
    errors = [image.error for image in found.images]
    assert errors[1] is None
    assert "cannot be decoded" in str(errors[0])
    assert "not in the object store" in str(errors[2])
    assert "too bright" in str(errors[3])
    assert "SHA-256" in str(errors[4])
    assert (found.result.images, found.result.label) == (1, "bee")


async def test_run_without_any_readable_image_says_so() -> None:
    store = Store()
    async with pipeline_on(store) as pipeline:
        with pytest.raises(NoReadableImage, match="cannot be decoded"):
            await pipeline.classify(job_of(store.add(b"torn"), store.add(b"broken")))


async def test_network_that_fails_on_everything_is_a_crash_not_a_bad_image() -> None:
    store = Store()
    async with pipeline_on(store) as pipeline:
        with pytest.raises(ModelCrashed, match=r"colours@1.*too bright"):
            await pipeline.classify(job_of(store.add(WHITE), store.add(b"torn")))


async def test_store_that_is_away_is_said_plainly() -> None:
    store = Store()
    image = store.add(RED)
    store.away = True
    async with pipeline_on(store) as pipeline:
        with pytest.raises(Unavailable):
            await pipeline.classify(job_of(image, image))


async def test_images_in_memory_are_bounded_over_all_runs() -> None:
    store = Store()
    images = [store.add((250, number, 0)) for number in range(40)]
    async with pipeline_on(store, max_images=4) as pipeline:
        await asyncio.gather(*(pipeline.classify(job_of(*images)) for _ in range(3)))
    assert store.most_reading <= 4


async def test_lone_run_is_pulled_by_all_threads_at_once() -> None:
    meeting, come = threading.Barrier(THREADS), threading.local()

    class Meeting(Store):
        def get(self, key: str) -> bytes:
            if not hasattr(come, "here"):
                come.here = True
                meeting.wait(timeout=10)  # breaks, and the run with it, unless every thread comes
            return super().get(key)

    store = Meeting()
    images = [store.add((250, number, 0)) for number in range(2 * THREADS)]
    async with pipeline_on(store) as pipeline:
        assert (await pipeline.classify(job_of(*images))).result.images == 2 * THREADS


async def test_runs_larger_than_the_memory_for_images_do_not_block_each_other() -> None:
    store = Store()
    images = [store.add((250, number, 0)) for number in range(20)]
    async with pipeline_on(store, max_images=7) as pipeline, asyncio.timeout(20):
        found = await asyncio.gather(*(pipeline.classify(job_of(*images)) for _ in range(8)))
    assert [[image.sha256 for image in one.images] for one in found] == [[image.sha256 for image in images]] * 8


async def test_run_that_is_given_up_leaves_room_for_others() -> None:
    store = Store()
    images = [store.add((250, number, 0)) for number in range(8)]
    async with pipeline_on(store, max_images=4) as pipeline:
        given_up = [asyncio.create_task(pipeline.classify(job_of(*images))) for _ in range(4)]
        await asyncio.sleep(0.002)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        async with asyncio.timeout(20):
            assert (await pipeline.classify(job_of(*images))).result.images == 8


async def test_run_with_too_few_images_is_unclear() -> None:
    store = Store()
    async with pipeline_on(store, min_images=2) as pipeline:
        found = await pipeline.classify(job_of(store.add(RED)))
    assert found.result.certainty is Certainty.UNCLEAR
