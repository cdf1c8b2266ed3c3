"""How the whole system is, for operators: what waits, who works how fast, what is stored, how much room is left."""

from enum import StrEnum

from pydantic import Field

from proto.base import Contract, UtcDatetime


class QueueKind(StrEnum):
    """What waits in a queue."""

    LIVE = "live"
    RECLASSIFY = "reclassify"
    PARKED = "parked"
    RETRY = "retry"


class QueueState(Contract):
    """One queue of the broker."""

    name: str
    kind: QueueKind
    ready: int = Field(description="Messages that wait")
    unacknowledged: int | None = Field(
        description="Jobs in workers' hands, by their last heartbeats; null where that is not counted"
    )
    consumers: int


class WorkerState(Contract):
    """One classifier process that was heard of lately."""

    worker_id: str
    host: str
    model_id: str
    demo: bool
    runtime: str
    device: str
    threads: int
    trouble: str | None = Field(description="Why the activated model is not the one in use")
    started_at: UtcDatetime
    seen_at: UtcDatetime
    runs: int = Field(description="Classified since its start")
    images: int = Field(description="Classified since its start")
    images_per_s: float = Field(description="Over the last minute, or since its start")
    in_hand: int = Field(description="Runs that it works on or has at hand")


class GatewayStatus(Contract):
    """One ingest process and its spool: the document of collection ``gateways``."""

    gateway_id: str
    host: str
    started_at: UtcDatetime
    seen_at: UtcDatetime
    runs: int = Field(ge=0, description="Runs in its spool: answered with success, not yet in the stores")
    bytes: int = Field(ge=0)
    limit_bytes: int = Field(ge=0)
    oldest_s: float = Field(ge=0, description="Age of the oldest run in it, seconds")
    broken: int = Field(default=0, ge=0, description="Entries set aside since its start, for a person to look at")
    disk_free_bytes: int = Field(ge=0)
    disk_total_bytes: int = Field(ge=0)


class SpoolState(Contract):
    """The spools of all gateways that were heard of lately."""

    runs: int
    bytes: int
    limit_bytes: int
    oldest_s: float
    gateways: tuple[GatewayStatus, ...]


class StoredBytes(Contract):
    """Bytes by kind."""

    pictures: int
    previews: int = Field(description="Thumbnails and contact sheets")
    exports: int
    models: int
    database: int = Field(description="Documents and indexes, as they lie on the disk")


class StorageUse(Contract):
    """What is stored."""

    runs: int
    images: int
    bytes: StoredBytes
    at_least: tuple[str, ...] = Field(description="Kinds that were too many to count to the end")
    counted_at: UtcDatetime


class Disk(Contract):
    """Room on a disk that Krabbel can ask about; the object store's is not among them."""

    of: str = Field(description="`database`, or `spool` and the gateway's host")
    free_bytes: int
    total_bytes: int


class SystemState(Contract):
    """All of it."""

    queues: tuple[QueueState, ...] | None = Field(description="null: the broker cannot be asked")
    workers: tuple[WorkerState, ...]
    images_per_s: float = Field(description="All workers together")
    spool: SpoolState
    storage: StorageUse | None = Field(description="Counted every ten minutes; null: not counted yet, ask again")
    disks: tuple[Disk, ...]
