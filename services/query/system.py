"""The whole system as operators see it: queues, workers, spools, storage, room on disks."""

import asyncio
import time

from proto.errors import Unavailable
from proto.system import Disk, GatewayStatus, QueueState, SpoolState, SystemState, WorkerState
from services.chassis.broker import Broker
from services.chassis.database import Database
from services.chassis.gateways import Gateways
from services.chassis.queue_states import queue_states
from services.chassis.workers import Workers, WorkerStatus
from services.query.storage import StorageReader

KEEP_S = 1.0


class SystemReader:
    """Asks for all of it at most once a second, however many pages show it."""

    def __init__(self, database: Database, broker: Broker, storage: StorageReader) -> None:
        self._database, self._broker, self._storage = database, broker, storage
        self._workers, self._gateways = Workers(database), Gateways(database)
        self._lock = asyncio.Lock()
        self._kept: tuple[float, SystemState] | None = None

    async def get(self) -> SystemState:
        """Return the state.

        Raises:
            Unavailable: the database is away. (Without the broker the rest can be read.)
        """
        async with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > KEEP_S:
                self._kept = (time.monotonic(), await self._ask())
            return self._kept[1]

    async def _ask(self) -> SystemState:
        workers, gateways = await self._workers.alive(), await self._gateways.alive()
        queues, storage = await asyncio.gather(self._queues(workers), self._storage.get())
        _, free, total = await self._database.disk()
        return system_state(queues, workers, gateways).model_copy(
            update={"storage": storage, "disks": disks(free, total, gateways)}
        )

    async def _queues(self, workers: list[WorkerStatus]) -> tuple[QueueState, ...] | None:
        try:
            return await queue_states(self._broker, workers)
        except Unavailable:
            return None


def system_state(
    queues: tuple[QueueState, ...] | None, workers: list[WorkerStatus], gateways: list[GatewayStatus]
) -> SystemState:
    """Return the state without what is stored."""
    fields = set(WorkerState.model_fields) - {"in_hand"}
    return SystemState(
        queues=queues,
        workers=tuple(
            WorkerState(**worker.model_dump(include=fields), in_hand=sum(worker.in_hand.values())) for worker in workers
        ),
        images_per_s=round(sum(worker.images_per_s for worker in workers), 2),
        spool=SpoolState(
            runs=sum(gateway.runs for gateway in gateways),
            bytes=sum(gateway.bytes for gateway in gateways),
            limit_bytes=sum(gateway.limit_bytes for gateway in gateways),
            oldest_s=max((gateway.oldest_s for gateway in gateways), default=0.0),
            gateways=tuple(gateways),
        ),
        storage=None,
        disks=(),
    )


def disks(free: int, total: int, gateways: list[GatewayStatus]) -> tuple[Disk, ...]:
    """Return the database's disk, and those of the spools."""
    spools = (
        Disk(of=f"spool {gateway.host}", free_bytes=gateway.disk_free_bytes, total_bytes=gateway.disk_total_bytes)
        for gateway in gateways
    )
    return (Disk(of="database", free_bytes=free, total_bytes=total), *spools)
