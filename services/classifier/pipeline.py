"""From a job to a classification: fetch the images, decode them, let the network see them, decide for the run.

It knows no AMQP and writes nothing. Images of one run, and of all runs in hand, are fetched and decoded while the
device works; the number of images in memory is bounded.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from proto.classification import Classification
from proto.errors import NotFound
from proto.job import ClassifyJob, JobImage
from services.classifier.aggregate import ImageOutcome, aggregate, top_classes
from services.classifier.batcher import Batcher, PredictionFailed
from services.classifier.metrics import IMAGES, STAGE_SECONDS
from services.classifier.network import ModelIdentity
from services.classifier.preprocess import Prepared, UnreadableImage, prepare

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns an object's bytes by its key; raises NotFound, or Unavailable while the store is away."""


class ModelCrashed(Exception):
    """The network failed on every image of the run that could be decoded."""


class Pipeline:
    """Classifies runs with one model."""

    def __init__(
        self,
        identity: ModelIdentity,
        batcher: Batcher,
        fetch: Fetch,
        decoders: ThreadPoolExecutor,
        *,
        max_images: int = 256,
        min_images: int = 1,
        now: Callable[[], datetime],
    ) -> None:
        """``max_images``: images in memory at a time, over all runs; ``min_images``: see aggregate.py."""
        self.identity = identity
        self._batcher = batcher
        self._fetch = fetch
        self._decoders = decoders
        self._slots = asyncio.Semaphore(max_images)
        self._min_images = min_images
        self._now = now

    async def classify(self, job: ClassifyJob) -> Classification:
        """Return what the model says of a run. An image that cannot be read is skipped, with its error kept.

        Raises:
            NoReadableImage: none of its images can be decoded, or is there any more.
            ModelCrashed: the network fails on all of them.
            Unavailable: the object store is away.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._image(image)) for image in job.images]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        outcomes = [task.result() for task in tasks]
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

    async def _image(self, image: JobImage) -> tuple[ImageOutcome, bool]:
        """Return one image's outcome, and whether it was the network that failed."""
        async with self._slots:
            started = time.perf_counter()
            try:
                data = await self._fetch(image.object_key)
            except NotFound:
                return self._unreadable(image, "is not in the object store any more"), False
            fetched = time.perf_counter()
            STAGE_SECONDS.labels("fetch").observe(fetched - started)
            try:
                prepared = await asyncio.get_running_loop().run_in_executor(
                    self._decoders, _prepare, data, image.sha256, self._batcher.network.image_size
                )
            except UnreadableImage as error:
                return self._unreadable(image, str(error)), False
            STAGE_SECONDS.labels("decode").observe(time.perf_counter() - fetched)
            try:
                probabilities = await self._batcher.classify(prepared.pixels)
            except PredictionFailed as error:
                return self._unreadable(image, str(error)), True
        IMAGES.labels("classified").inc()
        return ImageOutcome(
            sha256=image.sha256,
            top=top_classes(probabilities, self._batcher.network.names),
            width=prepared.width,
            height=prepared.height,
            sharpness=prepared.sharpness,
        ), False

    @staticmethod
    def _unreadable(image: JobImage, reason: str) -> ImageOutcome:
        IMAGES.labels("unreadable").inc()
        return ImageOutcome(sha256=image.sha256, error=reason)


def _prepare(data: bytes, sha256: str, size: int) -> Prepared:
    """Check that the bytes are those that were uploaded, and decode them (in a thread).

    Raises:
        UnreadableImage: they are not, or are no image.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UnreadableImage("is not what was uploaded (its SHA-256 differs)")
    return prepare(data, size)
