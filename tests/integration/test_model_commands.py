"""The operator's commands for models and reclassification, as processes on a real registry."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.classification import Certainty, Classification, RunResult
from proto.job import decode_job
from services.chassis.models import Models
from services.chassis.reclassification import MOST_WAITING, Order, OrderState, Reclassifications
from services.chassis.topology import RECLASSIFY
from tests.stack_fixture import RunningStack
from tests.support.classifier_worker import NOW, Bench, bench_on
from tests.support.model_files import NAMES, network, onnx_bytes

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]


@pytest.fixture
async def bench(backends: RunningStack) -> AsyncIterator[Bench]:
    async with bench_on(backends.env) as opened:
        await empty(opened)
        yield opened


@pytest.fixture(scope="module")
def data() -> bytes:
    return onnx_bytes(network())


async def empty(bench: Bench) -> list[str]:
    """Take all jobs out of the reclassification queue, and return their run ids."""
    found: list[str] = []
    async with bench.broker.consumer(RECLASSIFY, 1000) as deliveries:
        while True:
            try:
                async with asyncio.timeout(0.5):
                    delivery = await anext(deliveries)
            except TimeoutError:
                return found
            found.append(decode_job(delivery.body, delivery.message_type, delivery.headers).run_id)
            await delivery.ack()


async def krabbel(bench: Bench, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command against the bench's servers."""
    import os

    command = [sys.executable, "-m", "krabbel", *arguments]
    env = {**os.environ, **bench.env, "COLUMNS": "200"}
    return await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=150, check=False
    )


async def classified_runs(bench: Bench, count: int, camera: str = "garden") -> list[str]:
    """Store runs with a result of an old model."""
    ids = []
    for _ in range(count):
        job = await bench.add_run(1, publish=False, camera=camera, data=[b"x"])
        result = RunResult(
            model_id="old@1",
            label="bee",
            is_insect=True,
            certainty=Certainty.SURE,
            top1_images=1,
            images=1,
            probability_mean=0.9,
            probability_weighted=0.9,
            classified_at=NOW,
        )
        await bench.runs.complete(Classification(run_id=job.run_id, model_id="old@1", result=result, images=()))
        ids.append(job.run_id)
    return ids


async def test_model_is_added_listed_activated_and_removed(bench: Bench, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "bees.onnx").write_bytes(data)
    added = await krabbel(bench, "model", "add", str(tmp_path / "bees.onnx"), "--version", "7", "--activate")
    assert added.returncode == 0, added.stderr
    assert "bees@7" in added.stdout
    models = Models(bench.database)
    assert await models.active_id() == "bees@7"
    model = await models.get("bees@7")
    assert model.classes == NAMES
    assert await bench.store.get(model.object_key) == data
    listed = await krabbel(bench, "model", "list")
    assert "bees@7" in listed.stdout
    assert "activated" in listed.stdout
    refused = await krabbel(bench, "model", "remove", "bees@7")
    assert refused.returncode != 0
    assert "in use" in refused.stdout + refused.stderr
    assert (await krabbel(bench, "model", "activate", "--default")).returncode == 0
    assert (await krabbel(bench, "model", "remove", "bees@7")).returncode == 0
    assert await models.all() == []
    assert not await bench.store.exists(model.object_key)


async def test_hostile_or_broken_file_is_not_added(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    done = await krabbel(bench, "model", "add", str(tmp_path / "bad.onnx"))
    assert done.returncode != 0
    assert "no readable ONNX network" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert await Models(bench.database).all() == []


async def test_selected_runs_are_sent_once_and_only_a_few_wait_at_a_time(bench: Bench) -> None:
    ids = await classified_runs(bench, 130)
    await classified_runs(bench, 3, camera="roof")
    await bench.add_run(1, publish=False)  # not classified yet: its live job comes anyway
    orders = Reclassifications(bench.database, bench.broker)
    order = await orders.order("new@1", camera_id="garden", from_day=NOW.date(), to_day=NOW.date())
    assert order.total == 130
    seen: list[int] = []
    done = await orders.send(order.order_id, lambda _order, waiting: seen.append(waiting))
    assert (done.state, done.sent) == (OrderState.SENT, 130)
    assert max(seen) <= MOST_WAITING
    assert sorted(await empty(bench)) == sorted(ids)


async def test_paused_order_goes_on_where_it_stopped(bench: Bench) -> None:
    ids = await classified_runs(bench, 210)
    orders = Reclassifications(bench.database, bench.broker)
    order = await orders.order("new@1")

    def pause_after_first_page(now: Order, _waiting: int) -> None:
        if now.sent >= 100:
            pausing.append(asyncio.ensure_future(orders.set_state(order.order_id, OrderState.PAUSED)))

    pausing: list[asyncio.Future[Order]] = []
    paused = await orders.send(order.order_id, pause_after_first_page)
    assert paused.state is OrderState.PAUSED
    assert 100 <= paused.sent < 210
    await asyncio.gather(*pausing)
    await orders.set_state(order.order_id, OrderState.RUNNING)
    assert (await orders.send(order.order_id)).sent == 210
    assert sorted(await empty(bench)) == sorted(ids)


async def test_reclassify_command_sends_and_waits(bench: Bench, data: bytes, tmp_path: Path) -> None:
    ids = await classified_runs(bench, 5)
    unknown = await krabbel(bench, "reclassify", "--model", "new@1")
    assert unknown.returncode != 0
    assert "new@1" in unknown.stdout + unknown.stderr
    (tmp_path / "new.onnx").write_bytes(data)
    assert (await krabbel(bench, "model", "add", str(tmp_path / "new.onnx"), "--version", "1")).returncode == 0
    running = asyncio.create_task(krabbel(bench, "reclassify", "--model", "new@1"))
    sent: list[str] = []
    async with asyncio.timeout(100):
        while len(sent) < 5:
            sent += await empty(bench)
    done = await running
    assert done.returncode == 0, done.stderr
    assert "all 5 runs are done" in done.stdout
    assert sorted(sent) == sorted(ids)
    listed = await krabbel(bench, "reclassify", "--list")
    assert "5/5" in listed.stdout
