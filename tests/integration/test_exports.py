"""Exports on real servers: streamed, as jobs, over restarts, and for those who may not see everything."""

import asyncio
import io
import time
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner

from krabbel.cli import cli
from proto.camera import Scope
from proto.export import ExportJob, ExportState
from proto.run import TrackingRun
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.runs import Runs
from services.query.app import create_app
from services.query.exports import runner as runner_module
from services.query.exports.jobs import LEASE, ExportJobs
from services.query.exports.registry import EXPORTS
from services.query.routes_exports import EXPORTER
from services.query.settings import QuerySettings
from tests.support.camtrap_package import faults, table, validate
from tests.support.export_items import NOW, a_camera, unpacked
from tests.support.seeds import a_run, a_verdict, jpeg

pytestmark = pytest.mark.stack
KEY = {"Authorization": "Bearer service-secret"}
LABELS = ("bee", "fly", "none_bg", "none_bird")


@dataclass
class World:
    """The service, and the stores behind it."""

    client: TestClient
    settings: QuerySettings
    database: Database
    runs: Runs
    cameras: Cameras
    store: ObjectStore

    async def seed(self, count: int, camera: str = "garden-1", *, pictures: bool = False) -> list[TrackingRun]:
        """Store classified runs."""
        made = []
        for number in range(count):
            data = jpeg(number, exif=True) if pictures else None
            run = a_run(number, camera=camera, images=1 if pictures else 2, data=data)
            await self.runs.receive(run)
            await self.runs.complete(a_verdict(run, LABELS[number % len(LABELS)]))
            if data:
                await self.store.put(run.images[0].object_key, data, "image/jpeg")
            made.append(run)
        return made

    async def get(self, path: str, status: int = 200, headers: dict[str, str] = KEY) -> bytes:
        async with self.client.get(path, headers=headers) as response:
            body = await response.read()
            assert response.status == status, body
            return body

    async def start(self, status: int = 202, headers: dict[str, str] = KEY, **body: str) -> str:
        async with self.client.post("/api/v1/exports", json=body, headers=headers) as response:
            answer = await response.json()
            assert response.status == status, answer
            return str(response.headers.get("Location") or answer["detail"])

    async def ended(self, path: str, within_s: float = 30) -> ExportJob:
        deadline = time.monotonic() + within_s
        while True:
            job = ExportJob.model_validate_json(await self.get(path))
            if job.state in (ExportState.DONE, ExportState.FAILED):
                return job
            assert time.monotonic() < deadline, job
            await asyncio.sleep(0.05)


@pytest.fixture
async def world(backends) -> AsyncIterator[World]:
    given = {
        name: backends.env[f"KRABBEL_{name.upper()}"]
        for name in QuerySettings.model_fields
        if f"KRABBEL_{name.upper()}" in backends.env
    }
    own = {"mongo_database": f"exports_{uuid.uuid4().hex}", "service_key": "service-secret", "export_jobs_waiting": 5}
    settings = QuerySettings.model_validate({**given, **own, "public_url": "https://insekten.example.org"})
    async with (
        open_database(settings) as database,
        open_object_store(settings) as store,
        TestClient(TestServer(create_app(settings))) as client,
    ):
        await store.ensure_bucket()
        cameras = Cameras(database)
        await cameras.add(a_camera())
        yield World(client, settings, database, Runs(database), cameras, store)
        await database.client.drop_database(settings.mongo_database)


async def test_every_format_is_streamed_with_its_name_and_type(world: World):
    await world.seed(8, pictures=True)
    for name, wanted in EXPORTS.items():
        async with world.client.get(f"/api/v1/exports/{name}", headers=KEY) as response:
            body = await response.read()
            assert response.status == 200, body
            assert response.headers["Content-Type"] == wanted.media_type
            assert response.headers["Content-Disposition"].startswith('attachment; filename="krabbel-')
            assert body


async def test_camtrap_package_from_the_database_is_valid(world: World, tmp_path: Path):
    await world.seed(1100)  # more than two batches
    folder = unpacked(await world.get("/api/v1/exports/camtrap-dp"), tmp_path)
    assert validate(folder)[0] == []
    assert list(faults(folder)) == []
    observations = table(folder, "observations")
    assert len(observations) == 1100 * 3
    assert sum(row["observationType"] == "unclassified" for row in observations) == 0


async def test_picture_that_no_model_could_read_says_why(world: World, tmp_path: Path):
    run = a_run(1, images=2)
    verdict = a_verdict(run)
    broken = verdict.images[1].model_copy(update={"top": (), "error": "no JPEG"})
    await world.runs.receive(run)
    await world.runs.complete(verdict.model_copy(update={"images": (verdict.images[0], broken)}))
    folder = unpacked(await world.get("/api/v1/exports/camtrap-dp"), tmp_path)
    _, good, bad = table(folder, "observations")
    assert (good["observationType"], good["scientificName"]) == ("animal", "Hymenoptera")
    assert (bad["observationType"], bad["observationComments"]) == ("unclassified", "no JPEG")


async def test_selection_is_that_of_the_list(world: World):
    await world.seed(8)
    lines = (await world.get("/api/v1/exports/csv?class=bee&from=2026-07-01&to=2026-07-01")).splitlines()
    assert len(lines) == 1 + 2
    assert len((await world.get("/api/v1/exports/csv?day=2026-07-02")).splitlines()) == 1
    assert b"clas: no such parameter" in await world.get("/api/v1/exports/csv?clas=bee", status=400)
    assert b"is no export format" in await world.get("/api/v1/exports/xls", status=404)


async def test_pictures_come_without_their_metadata(world: World):
    await world.seed(3, pictures=True)
    with zipfile.ZipFile(io.BytesIO(await world.get("/api/v1/exports/zip"))) as archive:
        assert archive.testzip() is None
        pictures = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]
    assert len(pictures) == 3
    assert not any(b"SECRET MAKER" in picture for picture in pictures)


async def test_coarse_cameras_stay_coarse_in_every_format(world: World, tmp_path: Path):
    await world.cameras.add(a_camera("secret-1", coordinate_uncertainty_m=2000.0))
    await world.seed(4, "secret-1")
    found = await asyncio.gather(
        *(world.get(f"/api/v1/exports/{name}?camera=secret-1") for name in ("camtrap-dp", "dwca", "ndjson"))
    )
    for number, data in enumerate(found[:2]):
        for file in unpacked(data, tmp_path / str(number)).iterdir():
            assert "52.3906" not in file.read_text(encoding="utf-8")
    assert b"52.39" not in found[2]
    rows = pq.read_table(io.BytesIO(await world.get("/api/v1/exports/parquet?camera=secret-1"))).to_pylist()
    assert rows[0]["latitude"] != 52.390612


async def test_camera_without_coordinates_is_refused_before_anything_is_sent(world: World):
    await world.cameras.add(a_camera("nowhere-1", latitude=None, longitude=None))
    await world.get("/api/v1/exports/camtrap-dp")  # it has no runs yet: no reason to refuse
    await world.seed(1, "nowhere-1")
    assert b"'nowhere-1' has no coordinates" in await world.get("/api/v1/exports/camtrap-dp", status=409)
    assert "has no coordinates" in await world.start(409, format="camtrap-dp")
    await world.get("/api/v1/exports/camtrap-dp?camera=garden-1")
    await world.get("/api/v1/exports/dwca?camera=nowhere-1")


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


async def test_keys_of_one_camera_export_that_one(world: World):
    await world.cameras.add(a_camera("roof-1"))
    await world.seed(4)
    await world.seed(2, "roof-1")
    key = await world.cameras.issue_key(frozenset({Scope.READ}), "roof-1", "roof")
    roof = {"Authorization": f"Bearer {key}"}
    assert len((await world.get("/api/v1/exports/csv", headers=roof)).splitlines()) == 1 + 2
    await world.get("/api/v1/exports/csv?camera=garden-1", status=403, headers=roof)
    path = await world.start(headers=roof, format="csv")
    assert (await world.ended(path)).runs_written == 2
    everybody = await world.start(format="csv")
    await world.get(everybody, status=404, headers=roof)
    await world.get(f"{everybody}/download", status=404, headers=roof)
    await world.get("/api/v1/exports/csv", status=401, headers={})
    await world.start(401, headers={}, format="csv")


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
