"""Thumbnails and contact sheets: made by a worker once it is idle, served by query, on real servers."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from proto.run import RunStatus, sheet_key_of, thumbnail_key_of
from services.chassis.previews_due import MOST_TRIES, PreviewsDue
from services.query.app import create_app
from services.query.routes_previews import STANDS_IN_S
from services.query.settings import QuerySettings
from tests.stack_fixture import RunningStack
from tests.support.classifier_worker import Bench, bench_on, picture, worker_process
from tests.support.model_files import network, onnx_bytes

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]


@pytest.fixture
async def bench(backends: RunningStack) -> AsyncIterator[Bench]:
    async with bench_on(backends.env) as opened:
        yield opened


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(create_app(QuerySettings.from_env(bench.env)))) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(onnx_bytes(network()))
    return path


async def until_made(bench: Bench, run_id: str) -> None:
    async with asyncio.timeout(30):
        while not await bench.store.exists(sheet_key_of(run_id)):
            await asyncio.sleep(0.05)


async def test_previews_are_made_after_the_verdict_and_on_demand_and_served_for_ever(
    bench: Bench, client: TestClient, model: Path, tmp_path: Path
) -> None:
    # Given a run of before there were previews: until they are made, the best picture itself, for a minute
    old = await bench.add_run(2, publish=False)
    with worker_process(bench.env, model, tmp_path) as worker:
        await worker.until_ready()
        job = await bench.add_run(data=[picture(), b"torn", picture()])
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)
        await until_made(bench, job.run_id)
        run = await bench.runs.get(job.run_id)
        assert run.result is not None
        assert await bench.store.labels(thumbnail_key_of(job.run_id)) == {"best": run.result.best_image}
        answers = {}
        for name in ("thumbnail", "sheet"):
            async with client.get(f"/api/v1/runs/{job.run_id}/{name}") as answer:
                answers[name] = await answer.read()
                assert (answer.status, answer.content_type) == (200, "image/webp")
                assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                tag = answer.headers["ETag"]
            async with client.get(f"/api/v1/runs/{job.run_id}/{name}", headers={"If-None-Match": tag}) as answer:
                assert answer.status == 304
            async with client.get(f"/api/v1/runs/{job.run_id}/{name}", headers={"Range": "bytes=0-3"}) as answer:
                assert (answer.status, await answer.read()) == (206, b"RIFF")
        assert Image.open(io.BytesIO(answers["thumbnail"])).size == (60, 60)
        assert Image.open(io.BytesIO(answers["sheet"])).size == (204, 104)  # the torn picture is left out

        # When the old run is asked for, it is answered and noted; a verdict it must have
        await bench.publish(old)
        await bench.until_status([old.run_id], RunStatus.CLASSIFIED)
        await until_made(bench, old.run_id)
        await bench.store.remove([thumbnail_key_of(old.run_id), sheet_key_of(old.run_id)])
        async with client.get(f"/api/v1/runs/{old.run_id}/thumbnail") as answer:
            assert (answer.status, answer.content_type) == (200, "image/jpeg")
            assert answer.headers["Cache-Control"] == "public, max-age=60"
        await until_made(bench, old.run_id)
        await asyncio.sleep(STANDS_IN_S)
        async with client.get(f"/api/v1/runs/{old.run_id}/thumbnail") as answer:
            assert answer.content_type == "image/webp"
        assert worker.metric('krabbel_classifier_previews_total{outcome="made"}') == 3
        assert worker.metric('krabbel_classifier_previews_total{outcome="failed"}') == 0
    async with client.get(f"/api/v1/runs/{'0' * 32}/thumbnail") as answer:
        assert answer.status == 404


async def test_run_without_verdict_is_shown_and_not_put_on_the_list(bench: Bench, client: TestClient) -> None:
    job = await bench.add_run(1, publish=False)
    async with client.get(f"/api/v1/runs/{job.run_id}/sheet") as answer:
        assert (answer.status, answer.content_type) == (200, "image/jpeg")
    assert await PreviewsDue(bench.database).take() is None


async def test_list_lends_a_run_to_one_worker_and_gives_up_in_the_end(bench: Bench) -> None:
    due = PreviewsDue(bench.database)
    await due.note(["a" * 32, "a" * 32])
    await due.note(["a" * 32])
    assert await due.take() == "a" * 32
    assert await due.take() is None, "it is lent out"
    long_ago = {"$set": {"not_before": (await bench.runs.get((await bench.add_run(1, publish=False)).run_id)).sort_at}}
    for _ in range(MOST_TRIES - 1):
        await bench.database.previews_due.update_one({}, long_ago)
        assert await due.take() == "a" * 32
    await bench.database.previews_due.update_one({}, long_ago)
    assert await due.take() is None
    assert await bench.database.previews_due.count_documents({}) == 0
    await due.note(["b" * 32])
    await due.done("b" * 32)
    assert await due.take() is None
