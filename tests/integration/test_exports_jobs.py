"""Exports as jobs on real servers: over restarts, with progress, expiry and refusals; and the command line."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner

from krabbel.cli import cli
from proto.export import ExportJob, ExportState
from services.query.app import create_app
from services.query.exports import runner as runner_module
from services.query.exports.jobs import LEASE, ExportJobs
from services.query.routes_exports import EXPORTER
from tests.support.camtrap_package import table
from tests.support.export_items import NOW, unpacked
from tests.support.export_world import KEY, World, export_world

pytestmark = pytest.mark.stack


@pytest.fixture
async def world(backends) -> AsyncIterator[World]:
    async with export_world(backends.env) as found:
        yield found


async def test_job_is_started_watched_and_downloaded(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner_module, "PART_BYTES", 50_000)
    await world.seed(600)
    path = await world.start(format="ndjson", camera="garden-1")
    job = await world.ended(path)
    assert (job.state, job.runs_total, job.runs_written) == (ExportState.DONE, 600, 600)
    assert job.parts > 2
    assert job.expires_at is not None
    assert job.expires_at - job.created_at > timedelta(hours=47)
    async with world.client.get(f"{path}/download", headers=KEY) as response:
        body = await response.read()
        assert response.headers["Content-Length"] == str(len(body)) == str(job.byte_size)
        assert job.file_name in response.headers["Content-Disposition"]
    assert body == await world.get("/api/v1/exports/ndjson")
    async with world.client.get("/api/v1/exports/jobs", headers=KEY) as response:
        assert [item["job_id"] for item in (await response.json())["items"]] == [job.job_id]


async def test_job_that_was_left_by_a_dead_process_is_done_by_another(world: World):
    await world.seed(5)
    jobs = ExportJobs(world.database)
    job = ExportJob(job_id="a" * 32, format="csv", file_name="x.csv", media_type="text/csv", created_at=NOW)
    # Given a job that a process began and then never beat for
    long_ago = NOW - 2 * LEASE
    document = job.model_dump(exclude={"job_id"}) | {"_id": job.job_id, "state": "running", "worker": "dead:1:x"}
    document |= {"beat_at": long_ago, "attempts": 1, "cameras": [], "parameters": {}}
    await world.database.handle["export_jobs"].insert_one(document)
    # When this process looks for work, then it ends what the other began, and the other may say no more about it
    world.client.app[EXPORTER].runner.wake()
    done = await world.ended(f"/api/v1/exports/{job.job_id}")
    assert (done.state, done.runs_written, done.attempts) == (ExportState.DONE, 5, 2)
    assert not await jobs.progress(job.job_id, "dead:1:x", runs_written=1)


async def test_job_goes_on_after_the_service_was_stopped_in_its_middle(world: World, monkeypatch: pytest.MonkeyPatch):
    await world.seed(3)
    begun, held = asyncio.Event(), asyncio.Event()

    async def slow_put(*_arguments: object) -> None:
        begun.set()
        await held.wait()

    exports = world.client.app[EXPORTER]
    monkeypatch.setattr(exports.store, "put", slow_put)
    path = await world.start(format="csv")
    async with asyncio.timeout(20):
        await begun.wait()
    # When the service stops (gracefully) while the file is written
    await world.client.close()
    jobs = ExportJobs(world.database)
    job = await jobs.get(path.rpartition("/")[2])
    assert (job.state, job.attempts) == (ExportState.WAITING, 0)
    # Then the next one makes it
    async with TestClient(TestServer(create_app(world.settings))) as client:
        world.client = client
        assert (await world.ended(path)).state is ExportState.DONE
        assert len((await world.get(f"{path}/download")).splitlines()) == 4


async def test_job_that_never_ends_fails_in_words(world: World):
    job = ExportJob(job_id="b" * 32, format="csv", file_name="x.csv", media_type="text/csv", created_at=NOW, attempts=3)
    await ExportJobs(world.database).add(job)
    world.client.app[EXPORTER].runner.wake()
    failed = await world.ended(f"/api/v1/exports/{job.job_id}")
    assert failed.state is ExportState.FAILED
    assert "never ended" in str(failed.reason)
    assert b"This export failed: It was begun" in await world.get(f"/api/v1/exports/{job.job_id}/download", status=409)


async def test_expired_export_is_removed_with_its_file(world: World, monkeypatch: pytest.MonkeyPatch):
    await world.seed(3)
    path = await world.start(format="csv")
    job = await world.ended(path)
    assert await world.store.list(f"exports/{job.job_id}/")
    past = {"$set": {"expires_at": NOW - timedelta(days=400)}}
    await world.database.handle["export_jobs"].update_one({"_id": job.job_id}, past)
    runner = world.client.app[EXPORTER].runner
    monkeypatch.setattr(runner, "_swept", time.monotonic() - 3600)
    await runner._sweep()
    assert await world.store.list(f"exports/{job.job_id}/") == []
    assert b"finished ones are removed" in await world.get(path, status=404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"format": "xls"}, 404),
        ({}, 404),
        ({"format": "csv", "camera": "No Slug"}, 400),
        ({"format": "csv", "limit": "5"}, 400),
        ({"format": "csv", "from": "2026-07-02", "to": "2026-07-01"}, 400),
    ],
)
async def test_nonsense_is_refused_when_a_job_is_started(world: World, body: dict[str, str], status: int):
    assert await world.start(status, **body)


async def test_too_many_waiting_jobs_are_refused(world: World):
    jobs = ExportJobs(world.database)
    for number in range(5):
        job = ExportJob(job_id=f"{number:032x}", format="csv", file_name="x", media_type="x", created_at=NOW)
        document = job.model_dump(exclude={"job_id"}) | {"_id": job.job_id, "state": "running", "beat_at": None}
        await world.database.handle["export_jobs"].insert_one(document | {"cameras": [], "parameters": {}})
    assert await jobs.open_count() == 5
    assert "Too many exports wait" in await world.start(429, format="csv")


async def test_command_line_makes_a_file_and_says_what_is_wrong(world: World, tmp_path: Path):
    await world.seed(8)
    address = ["--url", str(world.client.make_url("/")), "--key", "service-secret"]

    async def krabbel(*arguments: str) -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, cli, ["export", *arguments, *address])
        return done.exit_code, done.output

    code, said = await krabbel(
        "camtrap-dp", "--out", str(tmp_path / "it.zip"), "--from", "2026-07-01", "--class", "bee"
    )
    assert code == 0, said
    assert "2 runs" in said
    folder = unpacked((tmp_path / "it.zip").read_bytes(), tmp_path / "unpacked")
    assert len(table(folder, "media")) == 4
    code, said = await krabbel("csv", "--out", str(tmp_path))
    assert code == 0, said
    assert len(list(tmp_path.glob("krabbel-*.csv"))) == 1
    code, said = await krabbel("xls", "--out", str(tmp_path / "it.xls"))
    assert code == 1
    assert "is no export format" in said
    assert not list(tmp_path.glob("*.part"))
