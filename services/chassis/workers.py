"""Which classifier processes are alive, and with which model: a document each, which expires when they stop beating."""

from datetime import UTC, datetime

from pydantic import Field

from proto.base import Contract, UtcDatetime
from services.chassis.database import Database, available

BEAT_S = 5.0
ALIVE_S = 20.0
"""A worker that has not been heard of for so long counts as gone (its document expires within two minutes)."""


class WorkerStatus(Contract):
    """One classifier process: the document of collection ``workers``."""

    worker_id: str
    host: str
    pid: int
    model_id: str = Field(description="name@version of the model in use")
    model_sha256: str
    model_format: str
    demo: bool = Field(description="The model is a demonstration, not to be believed")
    classes: tuple[str, ...]
    image_size: int
    runtime: str
    device: str
    threads: int
    trouble: str | None = Field(default=None, description="Why the activated model is not the one in use")
    runtimes_measured: dict[str, float] = Field(default_factory=dict, description="Images/s by runtime, at start")
    started_at: UtcDatetime
    seen_at: UtcDatetime
    runs: int = Field(default=0, description="Runs classified since the start")
    images: int = Field(default=0, description="Images classified since the start")
    images_per_s: float = Field(default=0.0, description="Images/s over the last minute, or since the start")
    in_hand: dict[str, int] = Field(default_factory=dict, description="Runs in hand, by queue")


class Workers:
    """Repository of worker documents. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._workers = database.workers

    async def beat(self, status: WorkerStatus) -> None:
        """Say that the worker is alive."""
        document = status.model_dump(mode="python", exclude={"worker_id"}) | {"_id": status.worker_id}
        await available(lambda: self._workers.replace_one({"_id": status.worker_id}, document, upsert=True))

    async def leave(self, worker_id: str) -> None:
        """Say that the worker ends."""
        await available(lambda: self._workers.delete_one({"_id": worker_id}))

    async def alive(self, now: datetime | None = None) -> list[WorkerStatus]:
        """Return the workers heard of lately, longest running first."""
        moment = now or datetime.now(UTC)
        documents = await available(lambda: self._workers.find().sort("started_at", 1).to_list(None))
        found = [WorkerStatus.model_validate({**document, "worker_id": document["_id"]}) for document in documents]
        return [worker for worker in found if (moment - worker.seen_at).total_seconds() < ALIVE_S]
