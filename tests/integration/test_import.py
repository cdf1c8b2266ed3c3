"""`krabbel import` on real servers: once, the same bytes and ids as uploads, labels kept, and resumable."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from krabbel.importer.report import Report
from krabbel.importer.run_import import Wish, find, run_import
from krabbel.importer.taking import Outcome, Taker
from proto.camera import Camera
from proto.job import JobPurpose, decode_job
from proto.run import RunSource, RunStatus, TrackingRun, run_id_of
from services.chassis.cameras import Cameras
from services.chassis.topology import RECLASSIFY
from services.ingest.settings import IngestSettings
from tests.stack_fixture import RunningStack
from tests.support.ingest_process import Stores, open_stores
from tests.support.insect_detect_folder import write_session
from tests.support.predecessor_folder import START, STEP, crops_of, row_of, write_folder, write_pictures, write_table

pytestmark = [pytest.mark.stack]


@dataclass(frozen=True, slots=True)
class Krabbel:
    """A database and a bucket of their own, with one camera."""

    env: dict[str, str]
    camera_id: str
    settings: IngestSettings
    stores: Stores

    async def take_in(self, folder: Path, **wish: object) -> Report:
        return await run_import(Wish(folder, **wish), find(folder), self.settings)  # type: ignore[arg-type]

    async def queued(self) -> dict[str, JobPurpose]:
        """Empty the queue and return this camera's jobs."""
        jobs = {}
        depth = await self.stores.broker.depth(RECLASSIFY)
        async with self.stores.broker.consumer(RECLASSIFY, 100) as consumer:
            for _ in range(depth):
                delivery = await anext(consumer)
                job = decode_job(delivery.body, delivery.message_type, delivery.headers)
                await delivery.ack()
                if job.camera_id == self.camera_id:
                    jobs[job.run_id] = job.purpose
        return jobs


@pytest.fixture
async def krabbel(backends: RunningStack) -> AsyncIterator[Krabbel]:
    name = f"t{uuid.uuid4().hex[:12]}"
    env = {**backends.env, "KRABBEL_MONGO_DATABASE": name, "KRABBEL_S3_BUCKET": name}
    settings = IngestSettings.from_env(env)
    async with open_stores(settings) as stores:
        camera = Camera(camera_id=name, name=name, created_at=datetime.now(UTC))
        await Cameras(stores.database).add(camera)
        yield Krabbel(env, name, settings, stores)
        await stores.database.client.drop_database(name)


async def state(krabbel: Krabbel) -> tuple[list[TrackingRun], dict[str, str]]:
    return await krabbel.stores.runs(), await krabbel.stores.objects()


async def test_the_predecessors_folder_comes_over_with_its_labels(krabbel: Krabbel, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, runs=5)
    report = await krabbel.take_in(folder)
    assert (report.outcomes[Outcome.IMPORTED], report.labelled, report.queued, report.skipped) == (5, 5, 0, [])
    runs, objects = await state(krabbel)
    run = next(run for run in runs if run.tracking_id == "3")
    assert (run.status, run.source) == (RunStatus.CLASSIFIED, RunSource.IMPORT)
    assert run.result is not None
    assert (run.result.model_id, run.result.label, run.result.probability_mean) == ("imported@1", "bee_bombus", 0.91)
    assert run.result.best_image == hashlib.sha256(crops_of(3, START, 1)[0][1]).hexdigest()
    # Naive times are the camera's: 10:21 in Berlin in May is 08:21 UTC (and MongoDB keeps milliseconds)
    assert run.started_at == datetime(2024, 5, 15, 8, 21, 0, 123000, tzinfo=UTC)
    assert (run.local_hour, run.clock_flags, run.sort_at) == (10, (), run.ended_at)
    assert run.images[1].taken_at == run.started_at + STEP
    # Every byte is there, under the key that an upload would have given it
    assert objects == {image.object_key: image.sha256 for run in runs for image in run.images}
    # And it has the id that the trap's own upload has: importing what was uploaded meanwhile adds nothing
    start, end = START + timedelta(minutes=21), START + timedelta(minutes=21) + 2 * STEP
    hashes = [hashlib.sha256(data).hexdigest() for _, data in crops_of(3, start, 3)]
    assert run.run_id == run_id_of(krabbel.camera_id, "3", str(start), str(end), hashes)
    assert {run.result.is_insect for run in runs if run.result} == {True, False}
    assert not await krabbel.queued()


async def test_a_second_import_changes_nothing(krabbel: Krabbel, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    await krabbel.take_in(folder)
    before = await state(krabbel)
    report = await krabbel.take_in(folder)
    assert await state(krabbel) == before
    assert (report.outcomes[Outcome.IMPORTED], report.outcomes[Outcome.ALREADY_THERE], report.labelled) == (0, 3, 0)


async def test_a_dry_run_changes_nothing_and_says_the_same(krabbel: Krabbel, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    dry = await krabbel.take_in(folder, dry_run=True)
    assert await krabbel.stores.runs() == []
    assert dry.outcomes[Outcome.IMPORTED] == 3
    real = await krabbel.take_in(folder)
    assert (real.outcomes, real.labelled) == (dry.outcomes, dry.labelled)
    assert (await krabbel.take_in(folder, dry_run=True)).outcomes[Outcome.ALREADY_THERE] == 3


async def test_what_a_model_said_since_is_not_undone(krabbel: Krabbel, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, runs=1)
    await krabbel.take_in(folder)
    (run,) = await krabbel.stores.runs()
    newer = {"result.model_id": "better@2", "result.label": "fly"}
    await krabbel.stores.database.runs.update_one({"_id": run.run_id}, {"$set": newer})
    await krabbel.take_in(folder, classify=True)
    (run,) = await krabbel.stores.runs()
    assert run.result is not None
    assert (run.status, run.result.label) == (RunStatus.CLASSIFIED, "fly")
    assert not await krabbel.queued()


async def test_an_import_that_died_between_two_steps_is_completed_by_the_next(
    krabbel: Krabbel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path)

    async def die(*_: object) -> tuple[bool, bool]:
        raise RuntimeError("the machine is switched off")

    with monkeypatch.context() as patch:
        patch.setattr(Taker, "_say", die)
        with pytest.raises(RuntimeError):
            await krabbel.take_in(folder)
    assert any(run.status is RunStatus.RECEIVED for run in await krabbel.stores.runs())
    await krabbel.take_in(folder)
    runs = await krabbel.stores.runs()
    assert [run.status for run in runs] == [RunStatus.CLASSIFIED] * 3
    assert all(run.result and run.result.model_id == "imported@1" for run in runs)


async def test_sessions_of_insect_detect_are_queued_for_the_active_model(krabbel: Krabbel, tmp_path: Path) -> None:
    for number, layout in enumerate(("2022", "2024", "2025")):
        write_session(tmp_path, layout, {number * 10 + 1: 3, number * 10 + 2: 2}, START + timedelta(days=number))
    report = await krabbel.take_in(tmp_path)
    assert (report.outcomes[Outcome.IMPORTED], report.queued, report.labelled) == (6, 6, 0)
    runs, objects = await state(krabbel)
    assert {run.status for run in runs} == {RunStatus.QUEUED}
    assert len(objects) == 15
    newest = next(run for run in runs if run.tracking_id == "21")
    assert newest.trap is not None
    assert (newest.trap.device_id, newest.trap.lens_position) == ("krabbelpi", 121)
    assert newest.images[0].detection_confidence == 0.71
    assert await krabbel.queued() == {run.run_id: JobPurpose.RECLASSIFY for run in runs}
    assert (await krabbel.take_in(tmp_path)).outcomes[Outcome.ALREADY_THERE] == 6


async def test_labelled_runs_can_be_classified_again(krabbel: Krabbel, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, runs=2)
    report = await krabbel.take_in(folder, classify=True)
    assert (report.labelled, report.queued) == (2, 2)
    runs = await krabbel.stores.runs()
    assert {run.status for run in runs} == {RunStatus.QUEUED}
    assert all(run.result and run.result.model_id == "imported@1" for run in runs), "the old label stays till the new"
    assert await krabbel.queued() == {run.run_id: JobPurpose.RECLASSIFY for run in runs}


async def test_a_run_that_its_trap_uploaded_in_the_old_way_is_the_same_run(krabbel: Krabbel, tmp_path: Path) -> None:
    session = write_session(tmp_path / "a", "2024", {1: 2})
    await krabbel.take_in(tmp_path / "a")
    (run,) = await krabbel.stores.runs()
    # Given the same run under the id that POST /classify makes: str(datetime), a space instead of the T
    hashes = [image.sha256 for image in run.images]
    moments = [datetime.fromisoformat(f"2026-07-01T10:00:{text}") for text in ("00.250000", "01.375000")]
    old = run_id_of(krabbel.camera_id, "1", str(moments[0]), str(moments[1]), hashes)
    document = await krabbel.stores.database.runs.find_one_and_delete({"_id": run.run_id})
    await krabbel.stores.database.runs.insert_one({**document, "_id": old})
    report = await krabbel.take_in(session)
    assert report.outcomes[Outcome.ALREADY_THERE] == 1
    assert [run.run_id for run in await krabbel.stores.runs()] == [old]


def test_the_command_tells_what_it_skipped_and_why(
    krabbel: Krabbel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from krabbel.cli import cli

    for name, value in krabbel.env.items():
        monkeypatch.setenv(name, value)
    folder, report = tmp_path / "old", tmp_path / "report.csv"
    write_pictures(folder, 1, START, 3)
    broken = write_pictures(folder, 2, START + timedelta(minutes=1), 3)
    (next(iter(sorted(broken.iterdir())))).write_bytes(b"\xff\xd8\xff cut")
    empty = write_pictures(folder, 3, START + timedelta(minutes=2), 1)
    next(empty.iterdir()).write_text("no picture")
    rows = [row_of(number, START + timedelta(minutes=number - 1), 3 if number < 3 else 1) for number in (1, 2, 3, 4)]
    write_table(folder, [*rows, {**rows[0], "end_time": "?"}])
    monkeypatch.setenv("COLUMNS", "200")

    def run(*more: str) -> str:
        result = CliRunner().invoke(cli, ["import", str(folder), "--report", str(report), *more])
        assert result.exit_code == 0, result.output
        return result.output

    assert "Would be imported (dry run)" in run("--dry-run")
    shown = run("--camera", krabbel.camera_id)
    told = report.read_text()
    assert "picture left out" in told
    assert "ID2" in told
    assert "no usable picture" in told
    assert "pictures are missing" in told
    assert "malformed line,end_time '?' is no time" in told
    assert "classification_data.csv, line 6" in shown
    result = CliRunner().invoke(cli, ["import", str(folder), "--camera", "nowhere"])
    assert result.exit_code == 1
    assert "No camera has the id 'nowhere'" in result.output
