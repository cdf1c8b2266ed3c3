"""A loaded model at work: the network, its batches, and the pipeline for live runs and for those in the background."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from services.classifier.batcher import Batcher, BatchReport
from services.classifier.metrics import BATCH_IMAGES, PROCESSOR_SECONDS, STAGE_SECONDS
from services.classifier.model_file import LoadedModel
from services.classifier.network import ModelIdentity
from services.classifier.pipeline import Pipeline
from services.classifier.pull import Fetch
from services.classifier.settings import ClassifierSettings


@dataclass(frozen=True, slots=True)
class Engine:
    """One model, ready for runs."""

    model: LoadedModel
    batcher: Batcher
    live: Pipeline
    background: Pipeline
    """For reclassification: never has more images in hand than one batch, so that live ones wait for one at most"""

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""
        return self.model.identity


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all engines of a process share: the device's one thread, those that pull images, the object store."""

    settings: ClassifierSettings
    device: ThreadPoolExecutor
    pullers: ThreadPoolExecutor
    fetch: Fetch
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @asynccontextmanager
    async def engine(self, model: LoadedModel) -> AsyncIterator[Engine]:
        """Set a model to work; at the end its memory is freed."""
        settings = self.settings
        batcher = Batcher(
            model.network,
            self.device,
            max_batch=model.batch_size,
            queue_size=settings.images_in_memory,
            max_wait_s=settings.batch_wait_ms / 1000,
            target_s=settings.batch_seconds,
            on_batch=observe,
        )
        try:
            async with batcher:
                yield Engine(
                    model,
                    batcher,
                    self._pipeline(model, batcher, settings.images_in_memory),
                    self._pipeline(model, batcher, min(model.batch_size, settings.images_in_memory)),
                )
        finally:
            # In the device's own thread, so after the batch that may still be under way there.
            self.device.submit(model.network.close)

    def _pipeline(self, model: LoadedModel, batcher: Batcher, max_images: int) -> Pipeline:
        return Pipeline(
            model.identity,
            batcher,
            self.fetch,
            self.pullers,
            thread_count=self.settings.pull_threads,
            max_images=max_images,
            min_images=self.settings.min_images,
            now=self.now,
        )


def observe(report: BatchReport) -> None:
    """Count a batch in the metrics."""
    STAGE_SECONDS.labels("inference").observe(report.seconds)
    STAGE_SECONDS.labels("batch_wait").observe(report.waited_s)
    PROCESSOR_SECONDS.labels("inference").inc(report.processor_s)
    BATCH_IMAGES.observe(report.size)
