"""An account per service: what each may do stands in ``proto/accounts.json``, for all ways of running Krabbel.

The embedded stack makes them here, Compose in deploy/docker/mongodb.js, the cluster through its operators. Those of the
object store are policies: s3_policy.py.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient


@cache
def accounts() -> dict[str, dict[str, Any]]:
    """Return what each service may do, by server and service."""
    text = resources.files("proto").joinpath("accounts.json").read_text(encoding="utf-8")
    return {server: services for server, services in json.loads(text).items() if server != "comment"}


def role_of(service: str) -> str:
    """Return the name of the service's role in MongoDB."""
    rights = accounts()["mongodb"][service]
    return rights if isinstance(rights, str) else f"krabbel{service.capitalize()}"


def privileges_of(service: str, database: str) -> list[dict[str, Any]] | None:
    """Return the privileges of a role of our own; None where the service has one of MongoDB's."""
    rights = accounts()["mongodb"][service]
    if isinstance(rights, str):
        return None
    return [
        {"resource": {"db": database, "collection": collection}, "actions": actions}
        for collection, actions in rights.items()
    ]


async def ensure_accounts(url: str, database: str, passwords: Mapping[str, str]) -> None:
    """Make the services' roles and accounts in ``database``, or bring them up to date.

    Args:
        url: of a user who may do that.
        passwords: by service; of an account that is there already it stays as it was.

    Raises:
        pymongo.errors.PyMongoError: the server does not do it.
    """
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(url, serverSelectionTimeoutMS=10_000)
    try:
        handle = client[database]
        known = {user["user"] for user in (await handle.command("usersInfo"))["users"]}
        roles = {role["role"] for role in (await handle.command("rolesInfo", 1))["roles"]}
        for service, password in passwords.items():
            name, privileges = role_of(service), privileges_of(service, database)
            if privileges is not None:
                verb = "updateRole" if name in roles else "createRole"
                await handle.command(verb, name, privileges=privileges, roles=[])
            if service not in known:
                await handle.command("createUser", service, pwd=password, roles=[{"role": name, "db": database}])
    finally:
        client.close()
