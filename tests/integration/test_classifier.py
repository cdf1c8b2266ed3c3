"""The classifier as a process on a real broker, database and object store."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest

from proto.job import JOB_TYPE, VERSION_HEADER
from proto.run import RunStatus
from services.chassis.topology import CLASSIFY, PARKED, RECLASSIFY
from services.chassis.workers import Workers
from tests.stack_fixture import RunningStack, running_stack
from tests.support.classifier_worker import Bench, bench_on, picture, worker_process
from tests.support.held_worker import POISON, STAGES
from tests.support.model_files import NAMES, network, onnx_bytes

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]

DEMO_MODEL = Path("models/demo/krabbel-demo-yolov5n-cls.pt")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Servers of our own: these tests kill the broker, and no other test's jobs shall come to these workers."""
    with running_stack(tmp_path_factory.mktemp("classifier")) as running:
        yield running


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(onnx_bytes(network()))
    return path


@pytest.fixture
async def bench(servers: RunningStack) -> AsyncIterator[Bench]:
    async with bench_on(servers.env) as opened:
        yield opened


@asynccontextmanager
async def classified_events(bench: Bench) -> AsyncIterator[list[str]]:
    """Write down the run id of each change of a run to ``classified``, as the live stream would see it."""
    seen: list[str] = []
    match = {"$match": {"updateDescription.updatedFields.status": RunStatus.CLASSIFIED.value}}

    async with bench.database.runs.watch([match]) as stream:

        async def follow() -> None:
            async for change in stream:
                seen.append(change["documentKey"]["_id"])

        following = asyncio.create_task(follow())
        await asyncio.sleep(0)
        try:
            yield seen
        finally:
            following.cancel()


async def assert_classified_once(bench: Bench, run_ids: list[str], events: list[str]) -> None:
    """Each run is classified, has one classification, and became classified once."""
    await bench.until_status(run_ids, RunStatus.CLASSIFIED)
    async with asyncio.timeout(20):
        while len(events) < len(run_ids):
            await asyncio.sleep(0.05)
    assert sorted(events) == sorted(run_ids)
    assert await bench.database.classifications.count_documents({"run_id": {"$in": run_ids}}) == len(run_ids)


async def test_uploaded_run_is_classified(bench: Bench, model: Path, tmp_path: Path) -> None:
    with worker_process(bench.env, model, tmp_path) as worker:
        await worker.until_ready()
        job = await bench.add_run(3, data=[picture(), picture(), b"torn"])
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)
        run = await bench.runs.get(job.run_id)
        assert run.result is not None
        assert run.result.label in NAMES
        assert run.result.images == 2
        assert run.result.model_id.startswith("tiny@")
        stored = await bench.database.classifications.find_one({"run_id": job.run_id})
        assert stored is not None
        assert [len(image["top"]) for image in stored["images"]] == [5, 5, 0]
        assert "cannot be decoded" in stored["images"][2]["error"]
        # ... and the worker tells how it went
        assert worker.metric('krabbel_classifier_runs_total{outcome="classified"}') == 1
        assert worker.metric('krabbel_classifier_images_total{outcome="unreadable"}') == 1
        for stage in ("queue_wait", "fetch", "decode", "batch_wait", "inference", "write"):
            assert worker.metric(f'krabbel_classifier_stage_seconds_count{{stage="{stage}"}}') >= 1
        assert 'krabbel_classifier_retries_total{delay_s="5"} 0.0' in worker.get("/metrics")[1], "a zero, not a gap"
        async with asyncio.timeout(10):
            while not await Workers(bench.database).alive():
                await asyncio.sleep(0.1)
        alive = (await Workers(bench.database).alive())[0]
        assert (alive.runtime, alive.demo, alive.classes) == ("onnxruntime", False, NAMES)
        assert alive.in_hand.keys() == {CLASSIFY, RECLASSIFY}
        assert worker.terminate() == 0
        assert await Workers(bench.database).alive() == []
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    (settled,) = [line for line in lines if line["event"] == "run settled"]
    assert (settled["run_id"], settled["outcome"], settled["images"]) == (job.run_id, "classified", 3)


async def test_demo_model_says_that_it_is_one(bench: Bench, tmp_path: Path) -> None:
    with worker_process(bench.env, DEMO_MODEL, tmp_path, runtime="eager") as worker:
        await worker.until_ready(120)
        job = await bench.add_run(2)
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)
        result = (await bench.runs.get(job.run_id)).result
        assert result is not None
        assert result.demo_model
        assert result.model_id == "krabbel-demo-yolov5n-cls@1"
        (alive,) = await Workers(bench.database).alive()
        assert alive.demo


async def test_run_without_a_readable_image_fails_with_the_reason_and_is_parked(
    bench: Bench, model: Path, tmp_path: Path
) -> None:
    parked = await bench.broker.depth(PARKED)
    with worker_process(bench.env, model, tmp_path) as worker:
        await worker.until_ready()
        job = await bench.add_run(data=[b"torn", b"broken"])
        await bench.until_status([job.run_id], RunStatus.FAILED)
        assert "None of the 2 images" in str((await bench.runs.get(job.run_id)).status_reason)
        await bench.until_empty(PARKED, parked + 1)


async def test_messages_that_cannot_be_read_are_parked_and_block_nothing(
    bench: Bench, model: Path, tmp_path: Path
) -> None:
    parked = await bench.broker.depth(PARKED)
    newer = aio_pika.Message(b'{"run": 1}', type=JOB_TYPE, headers={VERSION_HEADER: 99})
    for message in (aio_pika.Message(b"\xff no job"), newer):
        await bench.broker.publish_message(message, CLASSIFY)
    job = await bench.add_run(1)
    with worker_process(bench.env, model, tmp_path) as worker:
        await worker.until_ready()
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)
        await bench.until_empty(PARKED, parked + 2)
        assert worker.metric("krabbel_classifier_parked_total") == 2


async def test_jobs_that_come_twice_are_done_once(bench: Bench, model: Path, tmp_path: Path) -> None:
    async with classified_events(bench) as events:
        with worker_process(bench.env, model, tmp_path) as worker:
            await worker.until_ready()
            jobs = [await bench.add_run(2) for _ in range(5)]
            for job in jobs:
                await bench.publish(job)
            async with asyncio.timeout(30):
                while worker.metric('krabbel_classifier_runs_total{outcome="duplicate"}') < 5:
                    await asyncio.sleep(0.1)
            await assert_classified_once(bench, [job.run_id for job in jobs], events)


@pytest.mark.parametrize("stage", STAGES)
async def test_worker_killed_at_any_stage_costs_only_time(
    bench: Bench, model: Path, tmp_path: Path, stage: str
) -> None:
    async with classified_events(bench) as events:
        jobs = [await bench.add_run(2) for _ in range(3)]
        held = worker_process(bench.env, model, tmp_path, module="tests.support.held_worker", hold_at=stage)
        with held as worker:
            async with asyncio.timeout(60):
                while "HELD" not in worker.log.read_text():
                    assert worker.process.poll() is None, worker.log.read_text()
                    await asyncio.sleep(0.05)
            worker.kill()
        with worker_process(bench.env, model, tmp_path) as worker:
            await assert_classified_once(bench, [job.run_id for job in jobs], events)
            await bench.until_empty()


async def test_job_that_kills_its_workers_is_parked_and_takes_no_other_with_it(
    bench: Bench, model: Path, tmp_path: Path
) -> None:
    parked = await bench.broker.depth(PARKED)
    async with classified_events(bench) as events:
        innocent = [await bench.add_run(2) for _ in range(6)]
        poison = [await bench.add_run(data=[picture(), POISON]) for _ in range(2)]
        innocent += [await bench.add_run(2) for _ in range(6)]
        deaths = 0
        while await bench.database.runs.count_documents({"status": RunStatus.FAILED.value}) < len(poison):
            assert deaths <= 3 * len(poison)
            dying = worker_process(bench.env, model, tmp_path, module="tests.support.held_worker", hold_at="poison")
            with dying as worker:  # each is the supervisor's next attempt
                while worker.process.poll() is None:
                    if await bench.database.runs.count_documents({"status": RunStatus.FAILED.value}) == len(poison):
                        break
                    await asyncio.sleep(0.1)
                deaths += worker.process.poll() == 9
        with worker_process(bench.env, model, tmp_path):
            await assert_classified_once(bench, [job.run_id for job in innocent], events)
            await bench.until_empty(PARKED, parked + len(poison))
        for job in poison:
            assert "its worker was lost" in str((await bench.runs.get(job.run_id)).status_reason)


async def test_terminated_worker_finishes_what_is_under_way_and_leaves_nothing_unacked(
    bench: Bench, model: Path, tmp_path: Path
) -> None:
    async with classified_events(bench) as events:
        jobs = [await bench.add_run(8) for _ in range(40)]
        with worker_process(bench.env, model, tmp_path, prefetch=4) as worker:
            async with asyncio.timeout(60):
                while len(events) < 3:
                    await asyncio.sleep(0.01)
            assert worker.terminate() == 0
        settled = [
            line
            for line in map(json.loads, filter(lambda line: line.startswith("{"), worker.log.read_text().splitlines()))
            if line["event"] == "run settled"
        ]
        assert {line["outcome"] for line in settled} == {"classified"}
        await bench.until_empty(depth=len(jobs) - len(settled))
        with worker_process(bench.env, model, tmp_path):
            await assert_classified_once(bench, [job.run_id for job in jobs], events)


async def test_worker_survives_a_broker_that_is_killed(
    servers: RunningStack, bench: Bench, model: Path, tmp_path: Path
) -> None:
    async with classified_events(bench) as events:
        with worker_process(bench.env, model, tmp_path) as worker:
            await worker.until_ready()
            jobs = [await bench.add_run(6) for _ in range(30)]
            await asyncio.to_thread(servers.embedded.kill, "broker")
            await asyncio.to_thread(servers.embedded.wait_until_up, "broker")
            jobs += [await bench.add_run(2) for _ in range(3)]
            await assert_classified_once(bench, [job.run_id for job in jobs], events)
            await worker.until_ready()
            assert worker.process.poll() is None


async def test_store_that_is_away_delays_runs_and_loses_none(
    servers: RunningStack, bench: Bench, model: Path, tmp_path: Path
) -> None:
    job = await bench.add_run(2, publish=False)
    # nothing listens there: what the worker sees while the store is away
    with worker_process(
        bench.env, model, tmp_path, s3_endpoint="http://127.0.0.1:9", retry_delays_s="[0.2, 0.4]"
    ) as worker:
        await bench.publish(job)
        async with asyncio.timeout(60):
            while worker.metric('krabbel_classifier_retries_total{delay_s="0.4"}') < 2:
                await asyncio.sleep(0.1)
        assert (await bench.runs.get(job.run_id)).status is RunStatus.QUEUED
    with worker_process(bench.env, model, tmp_path, retry_delays_s="[0.2, 0.4]"):
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)
