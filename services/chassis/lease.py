"""A lease in the database: of several processes that could do a job, one does it, and another when that one is gone."""

import uuid
from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError

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
