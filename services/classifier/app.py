"""The classifier's wiring: resources are opened and closed here, in the order in which they are needed."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime

from aiohttp import web

from proto.errors import Unavailable
from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.ledger import Ledger
from services.chassis.logging import get_logger
from services.chassis.object_store import open_object_store
from services.chassis.runs import Runs
from services.chassis.topology import CLASSIFY
from services.chassis.web import READY_CHECKS, new_app
from services.chassis.workers import BEAT_S, Workers, WorkerStatus
from services.classifier.batcher import Batcher, BatchReport
from services.classifier.consumer import Consumer
from services.classifier.handling import Handler, Tally
from services.classifier.metrics import BATCH_IMAGES, MODEL, STAGE_SECONDS, WAITING
from services.classifier.model_file import LoadedModel, available_cores, load_model
from services.classifier.pipeline import Pipeline
from services.classifier.settings import ClassifierSettings

log = get_logger(__name__)

CONSUMER = web.AppKey("consumer", Consumer)


def create_app(settings: ClassifierSettings) -> web.Application:
    """Return the worker: health and metrics over HTTP, jobs from the broker while it runs."""
    app = new_app("classifier")

    async def worker(app: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            executor = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="device"))
            decoders = stack.enter_context(ThreadPoolExecutor(settings.decode_threads, thread_name_prefix="decode"))
            model = await load_model_of(settings, executor)
            stack.callback(model.network.close)
            database = await stack.enter_async_context(open_database(settings))
            store = await stack.enter_async_context(open_object_store(settings))
            broker = await stack.enter_async_context(open_broker(settings, retry_delays_s=settings.retry_delays_s))
            batcher = await stack.enter_async_context(
                Batcher(
                    model.network,
                    executor,
                    max_batch=settings.batch_size,
                    queue_size=settings.images_in_memory,
                    max_wait_s=settings.batch_wait_ms / 1000,
                    target_s=settings.batch_seconds,
                    on_batch=_observe,
                )
            )
            WAITING.set_function(lambda: batcher.waiting)
            pipeline = Pipeline(
                model.identity,
                batcher,
                store.get,
                decoders,
                max_images=settings.images_in_memory,
                min_images=settings.min_images,
                now=lambda: datetime.now(UTC),
            )
            handler = Handler(Runs(database), Ledger(database), pipeline, job_timeout_s=settings.job_timeout_s)
            consumer = Consumer(
                broker, handler, queue=CLASSIFY, prefetch=settings.prefetch, drain_s=settings.shutdown_s
            )
            app[CONSUMER] = consumer
            app[READY_CHECKS].update(broker=consumer.check_connected, database=database.ping, object_store=store.ping)
            consuming = asyncio.create_task(consumer.run(), name="consumer")
            beating = asyncio.create_task(
                _beat_forever(Workers(database), _status(settings, model), handler.tally), name="heartbeat"
            )
            yield
            consumer.stop()
            await consuming
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    app.cleanup_ctx.append(worker)
    return app


async def load_model_of(settings: ClassifierSettings, executor: ThreadPoolExecutor) -> LoadedModel:
    """Load the model of the settings in the device's own thread.

    Raises:
        ModelRefused: see model_file.py.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    model = await loop.run_in_executor(
        executor,
        lambda: load_model(
            settings.model,
            device=settings.device,
            threads=settings.threads,
            runtime=settings.runtime,
            image_size=settings.image_size,
            prepared=settings.data_dir / "prepared" if settings.data_dir else None,
        ),
    )
    network, identity = model.network, model.identity
    MODEL.labels(identity.model_id, network.runtime, network.device, str(identity.demo).lower()).set(1)
    log.info(
        "model loaded",
        model_id=identity.model_id,
        demo=identity.demo,
        sha256=identity.sha256,
        classes=len(network.names),
        image_size=network.image_size,
        device=network.device,
        runtime=network.runtime,
        measured={found.runtime: round(found.images_per_s) for found in model.measurements},
        seconds=round(loop.time() - started, 1),
    )
    return model


def _observe(report: BatchReport) -> None:
    STAGE_SECONDS.labels("inference").observe(report.seconds)
    STAGE_SECONDS.labels("batch_wait").observe(report.waited_s)
    BATCH_IMAGES.observe(report.size)


def _status(settings: ClassifierSettings, model: LoadedModel) -> WorkerStatus:
    now = datetime.now(UTC)
    host = socket.gethostname()
    return WorkerStatus(
        worker_id=f"{host}-{os.getpid()}-{uuid.uuid4().hex[:6]}",
        host=host,
        pid=os.getpid(),
        model_id=model.identity.model_id,
        model_sha256=model.identity.sha256,
        model_format=model.identity.format,
        demo=model.identity.demo,
        classes=model.network.names,
        image_size=model.network.image_size,
        runtime=model.network.runtime,
        device=model.network.device,
        threads=settings.threads or available_cores(),
        runtimes_measured={found.runtime: round(found.images_per_s, 1) for found in model.measurements},
        started_at=now,
        seen_at=now,
    )


async def _beat_forever(workers: Workers, status: WorkerStatus, tally: Tally) -> None:
    """Report the worker every few seconds until cancelled, and take it off the list at the end."""
    try:
        while True:
            changed = {"seen_at": datetime.now(UTC), "runs": tally.runs, "images": tally.images}
            with suppress(Unavailable):
                await workers.beat(status.model_copy(update=changed))
            await asyncio.sleep(BEAT_S)
    finally:
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(2):
                await workers.leave(status.worker_id)
