"""The query service: reads, statistics, exports and the live stream."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from proto.errors import Unavailable
from services.chassis.auth import KeyRing
from services.chassis.broker import open_broker
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.ending import end
from services.chassis.logging import get_logger
from services.chassis.models import Models
from services.chassis.object_store import open_object_store
from services.chassis.parked import Parked
from services.chassis.presence import Presence
from services.chassis.presigned import Presigner
from services.chassis.previews_due import PreviewsDue
from services.chassis.reclassification import Reclassifications
from services.chassis.retention import Retention
from services.chassis.rollups import Rollups
from services.chassis.runs import Runs
from services.chassis.schema import Schema
from services.chassis.verifications import Verifications, store_labels
from services.chassis.web import READY_CHECKS, new_app
from services.chassis.workers import Workers
from services.query import (
    routes_about,
    routes_admin,
    routes_agreement,
    routes_alerts,
    routes_dead,
    routes_docs,
    routes_embeds,
    routes_exports,
    routes_images,
    routes_internal,
    routes_legacy,
    routes_live,
    routes_people,
    routes_previews,
    routes_reclassifications,
    routes_retention,
    routes_run_images,
    routes_run_zip,
    routes_runs,
    routes_statistics,
    routes_stories,
    routes_uptime,
)
from services.query.access import KEY_RING, SETTINGS, fixed_principals
from services.query.alerts.channels import channels
from services.query.alerts.keeper import AlertKeeper
from services.query.embeds.hub import EmbedHub
from services.query.live import LiveHub
from services.query.pictures import Pictures
from services.query.run_reader import RunReader
from services.query.settings import QuerySettings
from services.query.storage import StorageReader
from services.query.system import SystemReader

DATABASE = web.AppKey("database", Database)
ROOMS = (
    routes_runs,
    routes_run_zip,
    routes_run_images,
    routes_images,
    routes_previews,
    routes_retention,
    routes_statistics,
    routes_stories,
    routes_agreement,
    routes_uptime,
    routes_about,
    routes_admin,
    routes_dead,
    routes_reclassifications,
    routes_alerts,
    routes_live,
    routes_legacy,
    routes_exports,
    routes_embeds,
    routes_docs,
    routes_internal,
    routes_people,
)
log = get_logger(__name__)


async def _backends(app: web.Application) -> AsyncIterator[None]:
    """Open database, object store and broker, and what reads from them."""
    settings = app[SETTINGS]
    async with (
        open_database(settings) as database,
        open_object_store(settings) as store,
        open_broker(settings, declares=False) as broker,
    ):
        app[DATABASE] = database
        app[routes_about.CAMERAS] = cameras = Cameras(database)
        app[KEY_RING] = KeyRing(cameras, fixed_principals(settings))
        routes_internal.open_desk(app, database, settings)
        app[routes_runs.RUNS] = RunReader(database)
        app[routes_runs.VERIFICATIONS] = Verifications(database)
        app[routes_statistics.ROLLUPS] = Rollups(database)
        app[routes_uptime.PRESENCE] = Presence(database)
        app[routes_run_zip.STORE] = store
        app[routes_images.PICTURES] = Pictures(store, settings.image_cache_bytes)
        app[routes_previews.ASKED] = routes_previews.AskedFor(PreviewsDue(database))
        app[routes_previews.STANDS_IN] = routes_previews.StandsIn()
        app[routes_retention.RETENTION] = Retention(database)
        app[routes_exports.EXPORTER] = routes_exports.Exports(database, store, cameras, settings)
        app[routes_about.STATUS] = routes_about.StatusReader(database, broker)
        app[routes_admin.MODELS], app[routes_admin.WORKERS] = Models(database), Workers(database)
        storage = StorageReader(database, store, app[routes_admin.MODELS])
        app[routes_admin.SYSTEM] = SystemReader(database, broker, storage)
        app[routes_dead.DEAD] = routes_dead.DeadReader(Parked(settings, broker, Runs(database)))
        app[routes_reclassifications.ORDERS] = Reclassifications(database, broker)
        app[routes_alerts.ALERTS] = AlertKeeper(database, broker, settings, channels(settings))
        app[routes_live.HUB] = LiveHub(database, settings.live_history)
        app[routes_embeds.EMBEDS] = EmbedHub(
            app[routes_live.HUB],
            app[routes_runs.RUNS],
            app[routes_statistics.ROLLUPS],
            cameras,
            frozenset(settings.embed_cameras.replace(",", " ").split()),
        )
        app[routes_live.CATCH_UPS] = asyncio.Semaphore(8)
        # The broker is not asked: without it reads work, and /api/v1/status says that it is away.
        app[READY_CHECKS] |= {"database": database.ping, "object store": store.ping}
        app[READY_CHECKS]["schema"] = Schema(database).check
        yield
        await storage.close()


async def _ensure_indexes(database: Database) -> None:
    """Create missing indexes, and what older documents lack, as soon as the database is there."""
    while True:
        try:
            await database.ensure_indexes()
            await Schema(database).tell()
            await store_labels(database)
        except Unavailable as error:
            log.warning("indexes are not there yet", error=str(error))
            await asyncio.sleep(2)
        else:
            return


async def _background(app: web.Application) -> AsyncIterator[None]:
    """Refresh keys, follow the change stream and send heartbeats, until the service stops."""
    hub, settings = app[routes_live.HUB], app[SETTINGS]
    tasks = [
        asyncio.create_task(app[KEY_RING].refresh_forever(), name="keys"),
        asyncio.create_task(_ensure_indexes(app[DATABASE]), name="indexes"),
        asyncio.create_task(routes_internal.make_first_admin(app[DATABASE], settings), name="first admin"),
        asyncio.create_task(hub.follow_forever(), name="live"),
        asyncio.create_task(app[routes_alerts.ALERTS].run_forever(), name="alerts"),
        asyncio.create_task(app[routes_embeds.EMBEDS].refresh_forever(), name="embeds"),
        asyncio.create_task(hub.beat_forever(settings.live_heartbeat_s), name="heartbeats"),
    ]
    yield
    await end(tasks)


async def _end_streams(app: web.Application) -> None:
    """Let the open streams end, so that stopping does not wait for readers who never leave."""
    app[routes_live.HUB].close()


def create_app(settings: QuerySettings) -> web.Application:
    """Return the service's application."""
    app = new_app("query")
    app[SETTINGS] = settings
    app[routes_docs.DOCUMENT] = routes_docs.document()
    for room in ROOMS:
        app.add_routes(room.routes())
    if settings.s3_public_endpoint:
        app[routes_run_images.PRESIGNER] = Presigner(settings, settings.s3_public_endpoint)
    app.cleanup_ctx.extend((_backends, _background, routes_exports.work))
    app.on_shutdown.append(_end_streams)
    return app
