"""From a job to a classification: pull the images, let the network see them, decide for the run.

It knows no AMQP and writes nothing. Images of one run, and of all runs in hand, are fetched and decoded while the
device works; the number of images in memory is bounded.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime

import numpy as np

from proto.classification import Classification, ClassScore
from proto.job import ClassifyJob, JobImage
from services.classifier.aggregate import ImageOutcome, aggregate, top_classes
from services.classifier.batcher import Batcher, Prediction, PredictionFailed
from services.classifier.metrics import IMAGES
from services.classifier.network import ModelIdentity
from services.classifier.pull import Fetch, Pulled, pull

CHUNK = 8
"""Most images that one thread pulls in one go. With nothing else in hand a run is spread over all threads instead."""

_CLASSIFIED, _UNREADABLE = IMAGES.labels("classified"), IMAGES.labels("unreadable")


class ModelCrashed(Exception):
    """The network failed on every image of the run that could be decoded."""


class Pipeline:
    """Classifies runs with one model."""

    def __init__(
        self,
        identity: ModelIdentity,
        batcher: Batcher,
        fetch: Fetch,
        threads: ThreadPoolExecutor,
        *,
        thread_count: int,
        max_images: int = 256,
        min_images: int = 1,
        now: Callable[[], datetime],
    ) -> None:
        """``threads``: those that pull images, ``thread_count`` of them; ``max_images``: images in memory at a time,
        over all runs; ``min_images``: see aggregate.py.
        """
        self.identity = identity
        self._batcher = batcher
        self._fetch = fetch
        self._threads = threads
        self._thread_count = thread_count
        self._max_images = max_images
        self._slots = asyncio.Semaphore(max_images)
        self._door = asyncio.Lock()
        self._in_hand = 0
        self._min_images = min_images
        self._now = now

    async def classify(self, job: ClassifyJob) -> Classification:
        """Return what the model says of a run. An image that cannot be read is skipped, with its error kept.

        Raises:
            NoReadableImage: none of its images can be decoded, or is there any more.
            ModelCrashed: the network fails on all of them.
            Unavailable: the object store is away.
        """
        size = self._chunk_size(len(job.images))
        chunks = [job.images[at : at + size] for at in range(0, len(job.images), size)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._chunk(chunk)) for chunk in chunks]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        outcomes = [outcome for task in tasks for outcome in task.result()]
        crashed = [outcome.error for outcome, failed in outcomes if failed and outcome.error]
        if crashed and not any(outcome.top for outcome, _ in outcomes):
            raise ModelCrashed(f"The model {self.identity.model_id} fails on this run: {crashed[0]}")
        images = [outcome for outcome, _ in outcomes]
        result = aggregate(
            images,
            model_id=self.identity.model_id,
            demo=self.identity.demo,
            classified_at=self._now(),
            min_images=self._min_images,
        )
        return Classification(
            run_id=job.run_id,
            model_id=self.identity.model_id,
            result=result,
            images=tuple(image.as_contract() for image in images),
        )

    def _chunk_size(self, images: int) -> int:
        """Return how many images one thread pulls: few for a lone run, which shall be quick, many in a backlog."""
        most = min(CHUNK, self._max_images)
        return most if self._in_hand else max(1, min(most, math.ceil(images / self._thread_count)))

    async def _chunk(self, images: Sequence[JobImage]) -> list[tuple[ImageOutcome, bool]]:
        """Return the images' outcomes, and whether it was the network that failed."""
        async with self._room_for(len(images)):
            pulled = await asyncio.get_running_loop().run_in_executor(
                self._threads, pull, images, self._fetch, self._batcher.network.image_size
            )
            ready = [one.prepared for one in pulled if one.prepared]
            seen = iter(await self._batcher.classify_all([prepared.pixels for prepared in ready]))
        found = self._outcomes(pulled, seen)
        _CLASSIFIED.inc(sum(1 for outcome, _ in found if outcome.top))
        _UNREADABLE.inc(sum(1 for outcome, _ in found if not outcome.top))
        return found

    @asynccontextmanager
    async def _room_for(self, images: int) -> AsyncIterator[None]:
        """Wait until so many more images may be in memory. One at a time waits, so no two wait for each other."""
        self._in_hand += images
        taken = 0
        try:
            async with self._door:
                for _ in range(images):
                    await self._slots.acquire()
                    taken += 1
            yield
        finally:
            self._in_hand -= images
            for _ in range(taken):
                self._slots.release()

    def _outcomes(self, pulled: Sequence[Pulled], seen: Iterator[Prediction]) -> list[tuple[ImageOutcome, bool]]:
        """Return each image's outcome, and whether it was the network that failed; ``seen``: of those it was given."""
        predictions = [next(seen) if one.prepared else None for one in pulled]
        rows = [found for found in predictions if found is not None and not isinstance(found, PredictionFailed)]
        tops = iter(top_classes(np.stack(rows), self._batcher.network.names) if rows else [])
        return [self._outcome(one, found, tops) for one, found in zip(pulled, predictions, strict=True)]

    @staticmethod
    def _outcome(
        pulled: Pulled, seen: Prediction | None, tops: Iterator[tuple[ClassScore, ...]]
    ) -> tuple[ImageOutcome, bool]:
        sha256, prepared = pulled.image.sha256, pulled.prepared
        if prepared is None or seen is None:
            return ImageOutcome(sha256=sha256, error=pulled.error), False
        if isinstance(seen, PredictionFailed):
            return ImageOutcome(sha256=sha256, error=str(seen)), True
        return ImageOutcome(
            sha256=sha256,
            top=next(tops),
            width=prepared.width,
            height=prepared.height,
            sharpness=prepared.sharpness,
        ), False
