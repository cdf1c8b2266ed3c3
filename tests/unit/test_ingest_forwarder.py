"""The forwarder with stores that fail on command: what waits, what is tried again, what is set aside."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proto.errors import RunNotFound, Unavailable
from proto.job import ClassifyJob
from proto.run import RunStatus, TrackingRun
from services.ingest import forwarder as module
from services.ingest.failpoints import Failpoints
from services.ingest.forwarder import Forwarder
from services.ingest.spool import Spool
from tests.unit.test_ingest_spool import crop, opened, put


class Stores:
    """All four at once; ``away`` names those that do not answer, ``poison`` is a track that cannot be written."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        self.poison: str | None = None
        self.objects: dict[str, bytes] = {}
        self.runs: dict[str, TrackingRun] = {}
        self.jobs: list[str] = []
        self.calls = 0

    def _ask(self, name: str) -> None:
        self.calls += 1
        if name in self.away:
            raise Unavailable(f"{name} is away")

    async def put(self, key: str, data: bytes, _content_type: str, *, sha256: str) -> None:
        self._ask("objects")
        assert hashlib.sha256(data).hexdigest() == sha256
        self.objects[key] = data

    async def get(self, run_id: str) -> TrackingRun:
        self._ask("database")
        if run_id not in self.runs:
            raise RunNotFound(run_id)
        return self.runs[run_id]

    async def receive(self, run: TrackingRun) -> bool:
        self._ask("database")
        if run.tracking_id == self.poison:
            raise ValueError("cannot be written, ever")
        new = run.run_id not in self.runs
        self.runs.setdefault(run.run_id, run)
        return new

    async def mark_queued(self, run_id: str) -> bool:
        self._ask("database")
        self.runs[run_id] = self.runs[run_id].model_copy(update={"status": RunStatus.QUEUED})
        return True

    async def publish(self, job: ClassifyJob, _queue: str) -> None:
        self._ask("broker")
        self.jobs.append(job.run_id)

    async def uploaded(self, _camera_id: str, _at: Any) -> None:
        self._ask("database")


@asynccontextmanager
async def forwarding(
    spool: Spool, stores: Any, concurrency: int = 2, repeated: Callable[[str], Awaitable[None]] | None = None
) -> AsyncIterator[Forwarder]:
    made = Forwarder(
        spool, stores, stores, stores, stores, concurrency=concurrency, failpoints=Failpoints(), repeated=repeated
    )
    task = asyncio.create_task(made.run_forever())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES_S", (0.01,))


@pytest.mark.parametrize("name", ["objects", "database", "broker"])
async def test_runs_wait_for_a_store_and_go_in_order_when_it_is_back(tmp_path: Path, name: str) -> None:
    spool, stores = opened(tmp_path), Stores()
    stores.away.add(name)
    entries = [await put(spool, str(number), ("a.jpg", crop(number))) for number in range(5)]
    async with forwarding(spool, stores, concurrency=1) as forwarder:
        await until(lambda: entries[0].attempts > 2)
        assert "5 runs wait" in forwarder.note()
        assert f"{name} is away" in forwarder.note()
        assert not stores.jobs

        stores.away.clear()
        await until(lambda: not len(spool))

        assert forwarder.note() == "ok"
    assert stores.jobs == [entry.run_id for entry in entries]
    assert {run.status for run in stores.runs.values()} == {RunStatus.QUEUED}
    assert not list((tmp_path / "ready").iterdir())
    spool.close()


async def test_long_outage_sets_nothing_aside(tmp_path: Path) -> None:
    spool, stores = opened(tmp_path), Stores()
    stores.away.add("broker")
    entry = await put(spool, "1", ("a.jpg", crop(1)))
    async with forwarding(spool, stores):
        await until(lambda: entry.attempts > module.MAX_FAULTS + 5)
        stores.away.clear()
        await until(lambda: not len(spool))
    assert stores.jobs == [entry.run_id]
    assert not list((tmp_path / "broken").iterdir())
    spool.close()


async def test_run_that_was_there_already_is_told_of(tmp_path: Path) -> None:
    spool, stores, told = opened(tmp_path), Stores(), []

    async def repeated(run_id: str) -> None:
        told.append((run_id, len(stores.objects)))

    for times in range(2):
        entry = await put(spool, "1", ("a.jpg", crop(1)))
        async with forwarding(spool, stores, repeated=repeated):
            await until(lambda: not len(spool))
        assert told == [(entry.run_id, 1)] * times  # once its images were stored anew
    spool.close()


async def test_run_that_can_never_be_forwarded_is_set_aside_and_holds_up_nobody(tmp_path: Path) -> None:
    spool, stores = opened(tmp_path), Stores()
    stores.poison = "1"
    for number in range(4):
        await put(spool, str(number), ("a.jpg", crop(number)))
    async with forwarding(spool, stores):
        await until(lambda: not len(spool))
    assert len(stores.jobs) == 3
    assert len(list((tmp_path / "broken").iterdir())) == 1
    spool.close()


async def test_entry_changed_on_the_disk_is_set_aside(tmp_path: Path) -> None:
    spool, stores = opened(tmp_path), Stores()
    entry = await put(spool, "1", ("a.jpg", crop(1)))
    data = bytearray(entry.path.read_bytes())
    data[40] ^= 0xFF
    entry.path.write_bytes(data)
    async with forwarding(spool, stores):
        await until(lambda: not len(spool))
    assert not stores.runs, "an image that is not what was sent is never stored as if it were"
    assert len(list((tmp_path / "broken").iterdir())) == 1
    spool.close()


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.CLASSIFIED, RunStatus.FAILED])
async def test_run_that_is_further_already_is_not_published_again(tmp_path: Path, status: RunStatus) -> None:
    spool, stores = opened(tmp_path), Stores()
    entry = await put(spool, "1", ("a.jpg", crop(1)))
    with await spool.read(entry) as reader:
        stores.runs[entry.run_id] = reader.manifest.run.model_copy(update={"status": status})
    async with forwarding(spool, stores):
        await until(lambda: not len(spool))
    assert not stores.jobs
    assert stores.runs[entry.run_id].status is status
    spool.close()
