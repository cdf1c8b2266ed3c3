"""Make a fresh mongod a replica set of one with an administrator: what the embedded stack needs once, on first start.

Production databases come set up; nothing there calls this.
"""

import asyncio
import time
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

AUTHENTICATION_FAILED = 18
UNAUTHORIZED = 13
ALREADY_INITIALIZED = 23
NOT_YET_INITIALIZED = 94
USER_EXISTS = 51003


async def ensure_replica_set(
    host: str, *, username: str, password: str, replica_set: str = "krabbel", timeout_s: float = 60.0
) -> None:
    """Return once the mongod at ``host`` (``127.0.0.1:27017``) is the writable primary and has the user.

    Idempotent at every step, so that a start that was cut short is finished by the next one. Before there is any user,
    mongod lets a client on its own machine set up the replica set and the first user ("localhost exception").

    Raises:
        TimeoutError: it was not within ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    last: PyMongoError | None = None
    while time.monotonic() < deadline:
        try:
            if await _step(host, username, password, replica_set):
                return
        except (ConnectionFailure, OperationFailure) as error:
            last = error
        await asyncio.sleep(0.05)
    raise TimeoutError(f"The replica set at {host} has no primary after {timeout_s:.0f} s ({last}).") from last


async def _step(host: str, username: str, password: str, replica_set: str) -> bool:
    """Do the next thing that is missing; True once nothing is."""
    client = _connect(host, username=username, password=password, authSource="admin")
    try:
        config = await _configuration(client)
        if config is None:
            await _initiate(client, host, replica_set)
        elif config["members"][0]["host"] != host:
            # The port is another one than last time: the node no longer finds itself in its set.
            config["members"][0]["host"] = host
            config["version"] += 1
            await client.admin.command("replSetReconfig", config, force=True)
        return bool((await client.admin.command("hello")).get("isWritablePrimary"))
    except OperationFailure as error:
        if error.code not in (AUTHENTICATION_FAILED, UNAUTHORIZED):
            raise
    finally:
        client.close()

    client = _connect(host)
    try:
        hello = await client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            await _create_user(client, username, password)
        elif not hello.get("setName"):
            await _initiate(client, host, replica_set)
    finally:
        client.close()
    return False


def _connect(host: str, **options: Any) -> "AsyncIOMotorClient[dict[str, Any]]":
    return AsyncIOMotorClient(
        f"mongodb://{host}/", directConnection=True, serverSelectionTimeoutMS=2000, socketTimeoutMS=10_000, **options
    )


async def _configuration(client: "AsyncIOMotorClient[dict[str, Any]]") -> dict[str, Any] | None:
    try:
        config: dict[str, Any] = (await client.admin.command("replSetGetConfig"))["config"]
    except OperationFailure as error:
        if error.code == NOT_YET_INITIALIZED:
            return None
        raise
    return config


async def _initiate(client: "AsyncIOMotorClient[dict[str, Any]]", host: str, replica_set: str) -> None:
    # One node needs no time to notice that others are gone: the shortest election makes a restart quick.
    config = {
        "_id": replica_set,
        "members": [{"_id": 0, "host": host}],
        "settings": {"electionTimeoutMillis": 1000},
    }
    try:
        await client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise


async def _create_user(client: "AsyncIOMotorClient[dict[str, Any]]", username: str, password: str) -> None:
    try:
        await client.admin.command("createUser", username, pwd=password, roles=[{"role": "root", "db": "admin"}])
    except OperationFailure as error:
        if error.code not in (USER_EXISTS, UNAUTHORIZED):
            raise
