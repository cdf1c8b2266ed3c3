"""The classifier's wiring: resources are opened and closed here, in the order in which they are needed."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from proto.errors import Unavailable
from services.chassis.broker import open_broker
from services.chassis.database import available, open_database
from services.chassis.group_commit import NONE as NO_PATIENCE
from services.chassis.group_commit import Patience
from services.chassis.ledger import Ledger
from services.chassis.models import Models
from services.chassis.object_pull import open_object_pull
from services.chassis.object_store import open_object_store
from services.chassis.previews_due import PreviewsDue
from services.chassis.runs import Runs
from services.chassis.topology import CLASSIFY, RECLASSIFY
from services.chassis.web import READY_CHECKS, new_app
from services.chassis.workers import Workers
from services.classifier.consumer import Consumer
from services.classifier.device_memory import device_memory_bytes
from services.classifier.engine import Workshop
from services.classifier.handling import Handler, Outcome
from services.classifier.heartbeat import Heartbeat
from services.classifier.metrics import DEVICE_MEMORY, LOOP_PROCESSOR_SECONDS, RETRIES, RUNS, WAITING
from services.classifier.model_file import Options
from services.classifier.preprocess import keep_to_one_thread
from services.classifier.previews import Previews
from services.classifier.registration import register_soon
from services.classifier.settings import ClassifierSettings
from services.classifier.shelf import Shelf
from services.classifier.turns import Gate

BACKGROUND_PREFETCH = 2
PATIENCE_S = 0.25
"""In a backlog runs wait at most so long for each other at the database; they have waited for seconds there anyway"""


def create_app(settings: ClassifierSettings) -> web.Application:
    """Return the worker: health and metrics over HTTP, jobs from the broker while it runs."""
    app = new_app("classifier")

    async def worker(app: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            device = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="device"))
            keep_to_one_thread()
            pullers = stack.enter_context(ThreadPoolExecutor(settings.pull_threads, thread_name_prefix="pull"))
            pull = stack.enter_context(open_object_pull(settings))
            database = await stack.enter_async_context(open_database(settings))
            store = await stack.enter_async_context(open_object_store(settings))
            broker = await stack.enter_async_context(open_broker(settings, retry_delays_s=settings.retry_delays_s))
            workshop = Workshop(settings, device, pullers, pull.get)
            models = Models(database)
            shelf = Shelf(workshop, models, store, settings.model, options_of(settings))
            stack.push_async_callback(shelf.close)
            await shelf.open()
            with suppress(Unavailable):
                await available(database.ensure_indexes)
            DEVICE_MEMORY.set_function(device_memory_bytes)
            for delay in settings.retry_delays_s:  # zeros: what never happened is not to be missing
                RETRIES.labels(f"{delay:g}")
            for outcome in Outcome:
                RUNS.labels(outcome.value)
            LOOP_PROCESSOR_SECONDS.set_function(time.thread_time)  # asked for by the loop itself
            WAITING.set_function(lambda: shelf.current.batcher.waiting)

            def patience() -> Patience:
                return Patience(PATIENCE_S, settings.prefetch // 4) if live.is_loaded else NO_PATIENCE

            gate, runs = Gate(), Runs(database, patience)
            previews = Previews(store, runs.get, PreviewsDue(database), pullers, gate.wait_idle)
            handler = Handler(
                runs,
                Ledger(database, patience),
                shelf,
                job_timeout_s=settings.job_timeout_s,
                note_verdict=previews.note,
            )
            live = Consumer(
                broker, handler, queue=CLASSIFY, prefetch=settings.prefetch, drain_s=settings.shutdown_s, gate=gate
            )
            background = Consumer(
                broker,
                handler,
                queue=RECLASSIFY,
                prefetch=BACKGROUND_PREFETCH,
                drain_s=settings.shutdown_s,
                gate=gate,
                background=True,
            )
            app[READY_CHECKS].update(broker=live.check_connected, database=database.ping, object_store=store.ping)

            def in_hand() -> dict[str, int]:
                return {CLASSIFY: live.in_hand, RECLASSIFY: background.in_hand}

            heartbeat = Heartbeat(Workers(database), shelf, handler.tally, settings.threads, in_hand)
            await stack.enter_async_context(running(heartbeat.beat_forever()))
            await stack.enter_async_context(running(shelf.follow_forever()))
            if shelf.default is not None:
                await stack.enter_async_context(running(register_soon(shelf.default, settings.model, models, store)))
            await stack.enter_async_context(running(previews.run_forever()))
            consuming = [asyncio.create_task(consumer.run()) for consumer in (live, background)]
            yield
            for consumer in (live, background):
                consumer.stop()
            await asyncio.gather(*consuming)

    app.cleanup_ctx.append(worker)
    return app


def options_of(settings: ClassifierSettings) -> Options:
    """Return how models are to run, by the settings."""
    return Options(
        device=settings.device,
        threads=settings.threads,
        runtime=settings.runtime,
        image_size=settings.image_size,
        batch_size=settings.batch_size,
        prepared=settings.data_dir / "prepared" if settings.data_dir else None,
    )


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something beside; it is cancelled at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
