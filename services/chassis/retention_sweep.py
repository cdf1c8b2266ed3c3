"""Removes the pictures that the operator's rules give up: one process at a time, a bounded number each time.

In order: the run says that its pictures are gone (retention.py), then the objects are removed, then the mark's
``pending`` goes. A pass begins with what an earlier one left pending, so a crash between two steps costs nothing.
"""

from collections.abc import Awaitable, Callable

from proto.retention import RetentionCount, RetentionSweep
from services.chassis.database import Database
from services.chassis.lease import LASTS, Lease
from services.chassis.object_store import ObjectStore
from services.chassis.previews_due import PreviewsDue
from services.chassis.retention import Retention
from services.chassis.retention_pass import BATCH, Pass, Stopped
from services.chassis.retention_plan import Busy, doomed_keys

JOB = "retention"
KEYS = 1000
"""In one request to the object store: as many as S3 takes."""

Note = Callable[[RetentionCount], None]
FindBusy = Callable[[], Awaitable[Busy]]
Step = Callable[[str], None]


class RetentionSweeper:
    """Sweeps when told to. Raises :class:`proto.errors.Unavailable` while a server is away; the next pass goes on."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        find_busy: FindBusy,
        *,
        most_runs: int,
        disk_free: Callable[[], int | None] = lambda: None,
        note: Note = lambda _count: None,
        step: Step = lambda _name: None,
    ) -> None:
        """``note`` is told of what was removed; ``step`` of each step, for tests that end the process there."""
        self.retention = Retention(database)
        self.due = PreviewsDue(database)
        self._lease = Lease(database, JOB, LASTS)
        self.store, self.find_busy, self.disk_free = store, find_busy, disk_free
        self.most_runs, self.note, self.step = most_runs, note, step

    async def sweep(self, *, dry_run: bool = False) -> RetentionSweep | None:
        """Sweep once and return what was done, or with ``dry_run`` would be; None while another process sweeps."""
        if not await self._lease.hold():
            return None
        try:
            await self.remove_going()
            return await Pass(self, await self.retention.rules(), dry_run).run()
        except Stopped:
            return None
        finally:
            await self._lease.give_back()

    async def remove_going(self) -> int:
        """Remove the objects of all runs that say that they have none; return the number of runs."""
        runs = 0
        while going := await self.retention.going(BATCH):
            keys = [key for run, _ in going for key in doomed_keys(run)]
            for start in range(0, len(keys), KEYS):
                await self.still_mine()
                await self.store.remove(keys[start : start + KEYS])
            self.step("objects")
            await self.retention.removed([(run.run_id, mark) for run, mark in going])
            self.step("done")
            runs += len(going)
        return runs

    async def still_mine(self) -> None:
        """Prolong the lease.

        Raises:
            Stopped: another process has it.
        """
        if not await self._lease.hold():
            raise Stopped
