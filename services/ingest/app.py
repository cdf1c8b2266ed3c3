"""Wiring: what ingest is made of, opened and closed in order."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from aiohttp import web

from proto.errors import KrabbelError
from services.chassis.broker import open_broker
from services.chassis.cameras import Cameras
from services.chassis.database import open_database
from services.chassis.forwarded import parse_networks
from services.chassis.gateways import Gateways
from services.chassis.logging import get_logger
from services.chassis.models import Models
from services.chassis.object_store import open_object_store
from services.chassis.parked import Parked
from services.chassis.reclassification import Reclassifications
from services.chassis.retention import Retention
from services.chassis.retention_busy import BusyRuns
from services.chassis.retention_sweep import RetentionSweeper
from services.chassis.runs import Runs
from services.chassis.verifications import Verifications
from services.chassis.web import READY_CHECKS, READY_NOTES, new_app
from services.ingest import routes_admin, routes_dead, routes_reclassify, routes_retention, routes_verify
from services.ingest.beat import Beat
from services.ingest.certificate import watch_certificate
from services.ingest.context import (
    CAMERAS,
    FAILED_KEYS,
    INTAKE,
    KNOWN_RUNS,
    PROXIES,
    REGISTRY,
    SETTINGS,
    SPOOL,
)
from services.ingest.failpoints import Failpoints, Point
from services.ingest.forwarder import Forwarder
from services.ingest.gate import FailedKeys
from services.ingest.intake import Intake
from services.ingest.known_runs import KnownRuns
from services.ingest.prepare import prepare
from services.ingest.reconciler import Reconciler
from services.ingest.registry import Registry
from services.ingest.retention import RetentionTask, count, free_bytes
from services.ingest.routes import classify, expect_continue, heartbeat, post_run
from services.ingest.settings import IngestSettings
from services.ingest.spool import Spool
from services.ingest.sweep import Sweep
from services.ingest.watch import Watch

HEARTBEAT_BYTES = 64 * 1024
log = get_logger(__name__)


def create_app(settings: IngestSettings) -> web.Application:
    """Return the service. Nothing is opened before it starts."""
    app = new_app("ingest", client_max_size=HEARTBEAT_BYTES)
    app[SETTINGS] = settings
    app[PROXIES] = parse_networks(settings.trusted_proxies)
    app[FAILED_KEYS] = FailedKeys(settings.failed_keys_per_minute)
    app.router.add_post("/classify/{tracking_id}", classify, expect_handler=expect_continue)
    app.router.add_post("/api/v1/runs", post_run, expect_handler=expect_continue)
    app.router.add_post("/api/v1/cameras/{camera_id}/heartbeat", heartbeat)
    for room in (routes_verify, routes_admin, routes_dead, routes_reclassify, routes_retention):
        app.add_routes(room.routes())
    app.cleanup_ctx.append(_everything)
    return app


async def _everything(app: web.Application) -> AsyncIterator[None]:
    """Open the spool first (it alone is needed to accept), then the stores' clients, which connect when used."""
    settings = app[SETTINGS]
    failpoints = Failpoints(settings.failpoint)
    spool = Spool(settings.spool_dir, settings.spool_bytes, settings.spool_min_free_bytes, failpoints)
    await asyncio.to_thread(spool.open)
    async with AsyncExitStack() as stack:
        stack.callback(spool.close)
        executor = stack.enter_context(ThreadPoolExecutor(settings.check_threads, "check"))
        store = await stack.enter_async_context(open_object_store(settings))
        broker = await stack.enter_async_context(open_broker(settings))
        database = await stack.enter_async_context(open_database(settings))
        cameras, runs = Cameras(database), Runs(database)
        registry = Registry(settings, cameras)
        await asyncio.to_thread(registry.load)
        with suppress(KrabbelError, TimeoutError):  # a first look, so that the first upload finds its key
            async with asyncio.timeout(settings.start_wait_seconds):
                await registry.refresh()
        app[SPOOL], app[REGISTRY], app[CAMERAS] = spool, registry, cameras
        app[routes_verify.VERIFICATIONS] = Verifications(database)
        app[routes_admin.MODELS] = Models(database)
        app[routes_dead.PARKED] = Parked(settings, broker, runs)
        app[routes_reclassify.ORDERS] = orders = Reclassifications(database, broker)
        app[KNOWN_RUNS] = KnownRuns(spool, runs)
        # Only the spool decides: with every store away a run is still taken, so traps must still be let in.
        app[READY_CHECKS]["spool"] = spool.room.check
        kept = Retention(database)
        forwarder = Forwarder(
            spool,
            store,
            runs,
            broker,
            cameras,
            concurrency=settings.forward_concurrency,
            failpoints=failpoints,
            repeated=kept.came_back,
        )
        app[READY_NOTES]["stores"] = forwarder.note
        app[INTAKE] = Intake(settings, spool, registry, executor, forwarder.stores_answer)
        reconciler = Reconciler(spool, runs, broker, settings.republish_after_seconds, settings.requeue_after_seconds)
        busy = BusyRuns(Reclassifications(database, broker), broker, Parked(settings, broker, runs))
        sweeper = RetentionSweeper(
            database,
            store,
            busy.find,
            most_runs=settings.retention_runs_per_sweep,
            disk_free=lambda: free_bytes(settings.retention_disk or settings.spool_dir),
            note=count,
            step=lambda name: failpoints.reach(Point(f"retention-{name}")),
        )
        retention = RetentionTask(sweeper, kept, settings.retention_seconds)
        app[routes_retention.RETENTION], app[routes_retention.TASK] = kept, retention
        tasks = [
            asyncio.create_task(prepare(store, database), name="prepare"),
            asyncio.create_task(registry.refresh_forever(), name="registry"),
            asyncio.create_task(forwarder.run_forever(), name="forwarder"),
            asyncio.create_task(Watch(runs, broker, registry).run_forever(settings.watch_seconds), name="watch"),
            asyncio.create_task(Beat(Gateways(database), spool).beat_forever(), name="beat"),
            asyncio.create_task(routes_reclassify.send_forever(orders), name="reclassify"),
            asyncio.create_task(watch_certificate(settings.public_url), name="certificate"),
            asyncio.create_task(reconciler.run_forever(settings.reconcile_seconds), name="reconciler"),
            asyncio.create_task(retention.run_forever(), name="retention"),
        ]
        if settings.sweep != "off":
            grace = timedelta(hours=settings.sweep_grace_hours)
            sweep = Sweep(store, runs, spool, grace, remove=settings.sweep == "on")
            tasks.append(asyncio.create_task(sweep.run_forever(), name="sweep"))
        for task in tasks:
            task.add_done_callback(_tell_of_death)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, Exception):
                    await task


def _tell_of_death(task: "asyncio.Task[None]") -> None:
    """A background task never ends by itself; if one does, that is a fault which must not stay silent."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a background task died", task=task.get_name(), exc_info=task.exception())
