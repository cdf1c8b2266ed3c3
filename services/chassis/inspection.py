"""What the servers say of themselves, for `krabbel doctor`: versions, roles, clocks, and whether writing works."""

import asyncio
import email.utils
import secrets
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError

import aio_pika
from aio_pika.exceptions import AMQPError
from pymongo.errors import OperationFailure, PyMongoError

from proto.errors import Unavailable
from services.chassis.database import Database
from services.chassis.object_store import ObjectStore
from services.chassis.settings import BackendSettings

TIMEOUT_S = 8.0


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """MongoDB."""

    version: str
    replica_set: str | None
    primary: bool
    skew_s: float
    """Seconds by which its clock is ahead of this machine's"""
    can_write: bool


async def database_facts(database: Database) -> DatabaseFacts:
    """Ask MongoDB.

    Raises:
        Unavailable: it does not answer, or refuses the user.
    """
    try:
        version = (await database.client.admin.command("buildInfo"))["version"]
        hello = await database.client.admin.command("hello")
        skew = (hello["localTime"].replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        probe = database.handle["doctor"]
        try:
            await probe.replace_one({"_id": "probe"}, {"at": datetime.now(UTC)}, upsert=True)
            await probe.delete_one({"_id": "probe"})
            can_write = True
        except OperationFailure:
            can_write = False
    except PyMongoError as error:
        raise Unavailable(f"{type(error).__name__}: {error}"[:300]) from error
    return DatabaseFacts(version, hello.get("setName"), bool(hello.get("isWritablePrimary")), skew, can_write)


async def broker_version(settings: BackendSettings) -> str:
    """Return the version that the broker says it has.

    Raises:
        Unavailable: it does not answer, or refuses the user.
    """
    try:
        url = settings.amqp_url.get_secret_value()
        connection = await asyncio.wait_for(aio_pika.connect(url, timeout=TIMEOUT_S), TIMEOUT_S)
        transport: Any = connection.transport
        properties = transport.connection.server_properties
        await connection.close()
    except (AMQPError, OSError, TimeoutError, RuntimeError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}"[:300]) from error
    version = properties.get("version", "")
    return version.decode() if isinstance(version, bytes) else str(version)


async def object_store_writes(store: ObjectStore) -> bool:
    """Write, read and remove one small object; return whether it came back as it was.

    Raises:
        Unavailable: the store is away or refuses.
    """
    key, data = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(32)
    await store.put(key, data, "application/octet-stream")
    same = await store.get(key) == data
    await store.remove([key])
    return same


def object_store_skew_s(settings: BackendSettings) -> float | None:
    """Return the seconds by which the object store's clock is ahead; None where it does not say. Blocks."""
    try:
        request = urllib.request.Request(settings.s3_endpoint, method="HEAD")  # noqa: S310 - the operator's setting
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            said = answer.headers.get("Date")
    except HTTPError as error:
        said = error.headers.get("Date")
    except OSError:
        return None
    return None if said is None else (email.utils.parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
