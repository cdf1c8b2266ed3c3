"""A lease in the database: of several processes that could do a job, one does it, and another when that one is gone."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError

from proto.errors import Unavailable
from services.chassis.database import Database, available


class Lease:
    """One process's claim to one job. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database, job: str, lasts: timedelta) -> None:
        self._leases = database.handle["leases"]
        self._job = job
        self._lasts = lasts
        self._holder = uuid.uuid4().hex

    async def hold(self) -> bool:
        """Take the lease, or prolong it; False while another process has it.

        Clocks of different machines may differ by a part of the lease's length without harm: it is prolonged long
        before it ends.
        """
        now = datetime.now(UTC)
        query = {"_id": self._job, "$or": [{"holder": self._holder}, {"until": {"$lt": now}}]}
        change = {"$set": {"holder": self._holder, "until": now + self._lasts}}
        try:
            await available(lambda: self._leases.update_one(query, change, upsert=True))
        except DuplicateKeyError:
            return False  # it is there, and another's
        return True

    async def give_back(self) -> None:
        """Let another process have it at once."""
        await available(lambda: self._leases.delete_one({"_id": self._job, "holder": self._holder}))


LASTS = timedelta(minutes=2)
ASK_EVERY_S = 2.0
PROLONG_EVERY_S = 20.0


@asynccontextmanager
async def held(database: Database, job: str, waits: Callable[[], None]) -> AsyncIterator[None]:
    """Hold a lease for as long as it takes, from when whoever has it gives it back; ``waits`` is told until then."""
    lease = Lease(database, job, LASTS)
    while not await lease.hold():
        waits()
        await asyncio.sleep(ASK_EVERY_S)

    async def prolong() -> None:
        while True:
            await asyncio.sleep(PROLONG_EVERY_S)
            with suppress(Unavailable):  # the database may be back before the lease ends
                await lease.hold()

    task = asyncio.create_task(prolong(), name=f"lease {job}")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(Unavailable):
            await lease.give_back()
