"""Makes what the stores need once: the bucket and the indexes. Tries until it has succeeded."""

import asyncio
from collections.abc import Awaitable, Callable

from proto.errors import KrabbelError
from services.chassis.database import Database, available
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectStore
from services.chassis.schema import Schema

PAUSE_S = 2.0
log = get_logger(__name__)


async def prepare(store: ObjectStore, database: Database) -> None:
    """Make bucket and indexes, and look at the database's version, each as soon as its store answers; then return."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_until_done("bucket", store.ensure_bucket))
        group.create_task(_until_done("indexes", lambda: available(database.ensure_indexes)))
        group.create_task(_until_done("schema", Schema(database).tell))


async def _until_done(what: str, make: Callable[[], Awaitable[None]]) -> None:
    told = False
    while True:
        try:
            async with asyncio.timeout(60):
                await make()
            return
        except (KrabbelError, TimeoutError) as error:
            if not told:
                log.warning("waiting for a store", what=what, error=str(error)[:200])
            told = True
            await asyncio.sleep(PAUSE_S)
