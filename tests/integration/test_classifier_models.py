"""Models come and go while workers work: registry, change under load, reclassification."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proto.errors import Conflict, ModelNotFound
from proto.job import ClassifyJob, JobPurpose
from proto.run import RunStatus
from services.chassis.models import ModelDescription, Models
from services.chassis.topology import CLASSIFY, RECLASSIFY
from services.chassis.workers import Workers, WorkerStatus
from tests.stack_fixture import RunningStack
from tests.support.classifier_worker import Bench, bench_on, worker_process
from tests.support.model_files import NAMES, SIZE, network, onnx_bytes

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]


@pytest.fixture
async def bench(backends: RunningStack) -> AsyncIterator[Bench]:
    async with bench_on(backends.env) as opened:
        yield opened


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {name: onnx_bytes(network(seed=seed)) for seed, name in enumerate(("first", "second"))}


@pytest.fixture
def first(files: dict[str, bytes], tmp_path: Path) -> Path:
    path = tmp_path / "first.onnx"
    path.write_bytes(files["first"])
    return path


def description(name: str, data: bytes, version: str = "1") -> ModelDescription:
    return ModelDescription(
        name=name,
        version=version,
        sha256=hashlib.sha256(data).hexdigest(),
        format="onnx",
        byte_size=len(data),
        classes=NAMES,
        image_size=SIZE,
    )


async def register(bench: Bench, name: str, data: bytes) -> str:
    model = description(name, data)
    await bench.store.put(model.object_key, data, "application/octet-stream")
    await Models(bench.database).add(model)
    return model.model_id


async def until_worker(bench: Bench, **expected: object) -> WorkerStatus:
    """Return the worker's report once it says this."""
    async with asyncio.timeout(60):
        while True:
            for worker in await Workers(bench.database).alive():
                if all(getattr(worker, name) == value for name, value in expected.items()):
                    return worker
            await asyncio.sleep(0.1)


async def test_registry_keeps_one_file_per_name_and_version(bench: Bench, files: dict[str, bytes]) -> None:
    models = Models(bench.database)
    assert await models.add(description("bees", files["first"]))
    assert not await models.add(description("bees", files["first"]))
    with pytest.raises(Conflict, match="another version"):
        await models.add(description("bees", files["second"]))
    assert await models.add(description("bees", files["second"], version="2"))
    assert [model.model_id for model in await models.all()] == ["bees@1", "bees@2"]


async def test_model_in_use_cannot_be_removed(bench: Bench, files: dict[str, bytes]) -> None:
    models = Models(bench.database)
    await models.add(description("bees", files["first"]))
    with pytest.raises(ModelNotFound):
        await models.activate("wasps@1")
    await models.activate("bees@1")
    assert await models.active_id() == "bees@1"
    with pytest.raises(Conflict, match="in use"):
        await models.remove("bees@1")
    await models.activate(None)
    assert (await models.remove("bees@1")).model_id == "bees@1"
    with pytest.raises(ModelNotFound):
        await models.get("bees@1")


async def test_worker_changes_its_model_under_load_without_restart_or_loss(
    bench: Bench, files: dict[str, bytes], first: Path, tmp_path: Path
) -> None:
    second = await register(bench, "second", files["second"])
    with worker_process(bench.env, first, tmp_path) as worker:
        await worker.until_ready()
        jobs = [await bench.add_run(3) for _ in range(30)]
        await Models(bench.database).activate(second)
        adding = True
        while adding:  # the load goes on until the change has happened
            jobs.append(await bench.add_run(2))
            adding = not [found for found in await Workers(bench.database).alive() if found.model_id == second]
        jobs += [await bench.add_run(2) for _ in range(5)]
        ids = [job.run_id for job in jobs]
        await bench.until_status(ids, RunStatus.CLASSIFIED)
        used = await bench.database.runs.distinct("result.model_id", {"_id": {"$in": ids}})
        assert sorted(used) == sorted([second, f"first@{hashlib.sha256(files['first']).hexdigest()[:12]}"])
        assert await bench.database.classifications.count_documents({}) == len(jobs)
        last = await bench.runs.get(ids[-1])
        assert last.result is not None
        assert last.result.model_id == second
        assert worker.process.poll() is None
        assert worker.metric('krabbel_classifier_runs_total{outcome="classified"}') == len(jobs)
    with worker_process(bench.env, first, tmp_path):  # and a new worker begins with the activated one
        await until_worker(bench, model_id=second)


async def test_worker_registers_its_own_model(
    bench: Bench, files: dict[str, bytes], first: Path, tmp_path: Path
) -> None:
    with worker_process(bench.env, first, tmp_path) as worker:
        await worker.until_ready()
        async with asyncio.timeout(30):
            while not await Models(bench.database).all():
                await asyncio.sleep(0.1)
        (model,) = await Models(bench.database).all()
        assert (model.name, model.sha256) == ("first", hashlib.sha256(files["first"]).hexdigest())
        assert await bench.store.get(model.object_key) == files["first"]
        assert await Models(bench.database).active_id() is None


async def test_activated_model_that_cannot_be_used_changes_nothing_but_is_told(
    bench: Bench, files: dict[str, bytes], first: Path, tmp_path: Path
) -> None:
    model = description("swapped", files["second"])
    await bench.store.put(model.object_key, files["first"], "application/octet-stream")  # not the registered bytes
    await Models(bench.database).add(model)
    with worker_process(bench.env, first, tmp_path) as worker:
        await worker.until_ready()
        await Models(bench.database).activate("swapped@1")
        async with asyncio.timeout(60):
            while not (alive := await Workers(bench.database).alive()) or alive[0].trouble is None:
                await asyncio.sleep(0.1)
        assert "SHA-256 differs" in str(alive[0].trouble)
        assert alive[0].model_id.startswith("first@")
        job = await bench.add_run(1)
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)


async def test_reclassification_keeps_both_verdicts_and_the_runs_result_follows_the_model_in_use(
    bench: Bench, files: dict[str, bytes], first: Path, tmp_path: Path
) -> None:
    second = await register(bench, "second", files["second"])

    def again(job: ClassifyJob) -> ClassifyJob:
        changed = {"purpose": JobPurpose.RECLASSIFY, "model_id": second, "published_at": datetime.now(UTC)}
        return job.model_copy(update=changed)

    async def model_of(job: ClassifyJob) -> str:
        result = (await bench.runs.get(job.run_id)).result
        assert result is not None
        return result.model_id

    with worker_process(bench.env, first, tmp_path) as worker:
        await worker.until_ready()
        job = await bench.add_run(2)
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)
        await bench.broker.publish(again(job), RECLASSIFY)
        query = {"run_id": job.run_id}
        async with asyncio.timeout(60):
            while await bench.database.classifications.count_documents(query) < 2:
                await asyncio.sleep(0.1)
        assert (await model_of(job)).startswith("first@")  # not in use, so only kept beside
        await Models(bench.database).activate(second)
        await until_worker(bench, model_id=second)
        images = worker.metric('krabbel_classifier_images_total{outcome="classified"}')
        await bench.broker.publish(again(job), RECLASSIFY)
        async with asyncio.timeout(60):
            while await model_of(job) != second:
                await asyncio.sleep(0.1)
        assert worker.metric('krabbel_classifier_images_total{outcome="classified"}') == images  # adopted, no work
        assert await bench.database.classifications.count_documents(query) == 2


async def test_live_runs_go_before_reclassification(bench: Bench, first: Path, tmp_path: Path) -> None:
    old = [await bench.add_run(6, publish=False) for _ in range(60)]
    for job in old:
        purpose = {"purpose": JobPurpose.RECLASSIFY}
        await bench.broker.publish(job.model_copy(update=purpose), RECLASSIFY)
    live = [await bench.add_run(2) for _ in range(10)]
    with worker_process(bench.env, first, tmp_path, prefetch=4):
        await bench.until_status([job.run_id for job in live], RunStatus.CLASSIFIED)
        done = await bench.database.runs.count_documents(
            {"_id": {"$in": [job.run_id for job in old]}, "status": RunStatus.CLASSIFIED.value}
        )
        assert done < len(old)
        await bench.until_status([job.run_id for job in old], RunStatus.CLASSIFIED)
        await bench.until_empty(CLASSIFY)
        await bench.until_empty(RECLASSIFY)


def test_registered_names_cannot_escape_a_model_id() -> None:
    good = description("bees", b"x")
    for name in ("a b", "a@b", "../up", ""):
        with pytest.raises(ValueError, match="name"):
            ModelDescription.model_validate(good.model_dump() | {"name": name})
