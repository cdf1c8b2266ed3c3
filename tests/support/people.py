"""Somebody who is signed in, for tests and screenshots on a real stack: straight into the database, no form."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from argon2 import PasswordHasher

from proto.errors import Conflict
from proto.user import UserRole
from services.chassis.database import open_database
from services.chassis.passwords import Passwords
from services.chassis.sessions import Sessions
from services.chassis.settings import BackendSettings
from services.chassis.users import Users
from services.dashboard.roles import SESSION_COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

PASSWORD = "vier bunte käfer"


async def _session(env: Mapping[str, str], name: str, role: UserRole) -> str:
    quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    async with open_database(BackendSettings.from_env(env)) as database:
        users = Users(database)
        with suppress(Conflict):
            await users.add(name, role, await quick.hash(PASSWORD))
        document = await users.document(name)
        assert document is not None
        return (await Sessions(database, timedelta(days=1), timedelta(days=1)).open(document)).token


def session_of(env: Mapping[str, str], name: str, role: UserRole) -> str:
    """Make the person, with :data:`PASSWORD`, unless it is there, sign it in, and return the session's token.

    In a thread of its own: Playwright's loop may run in this one.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _session(env, name, role)).result()


def sign_in(context: "BrowserContext", url: str, token: str) -> None:
    """Give a browser the session."""
    context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": url, "httpOnly": True, "sameSite": "Lax"}])
