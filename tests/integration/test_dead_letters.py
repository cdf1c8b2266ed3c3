"""Parked jobs: seen with their reason, replayed, dropped."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest

from proto.errors import NotFound
from proto.job import JOB_TYPE, VERSION_HEADER
from proto.reclassification import OrderState
from proto.run import RunStatus
from services.chassis.parked import Parked
from services.chassis.reclassification import Reclassifications
from services.chassis.retention_busy import BusyRuns
from services.chassis.topology import CLASSIFY, PARKED
from tests.stack_fixture import RunningStack
from tests.support.classifier_worker import Bench, bench_on, picture, worker_process
from tests.support.model_files import network, onnx_bytes

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]


@pytest.fixture
async def bench(backends: RunningStack) -> AsyncIterator[Bench]:
    async with bench_on(backends.env) as opened:
        await Parked(opened.settings, opened.broker, opened.runs).drop(None)
        yield opened


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(onnx_bytes(network()))
    return path


def parking(bench: Bench) -> Parked:
    return Parked(bench.settings, bench.broker, bench.runs)


async def krabbel(bench: Bench, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "krabbel", "dead", *arguments]
    env = {**os.environ, **bench.env, "COLUMNS": "200"}
    return await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=120, check=False
    )


async def test_job_is_parked_with_its_reason_and_done_when_replayed(bench: Bench, model: Path, tmp_path: Path) -> None:
    good = picture()
    with worker_process(bench.env, model, tmp_path) as worker:
        await worker.until_ready()
        job = await bench.add_run(data=[good])
        await bench.until_status([job.run_id], RunStatus.CLASSIFIED)
        await bench.store.remove([job.images[0].object_key])
        lost = await bench.add_run(data=[good], publish=False)
        await bench.store.remove([lost.images[0].object_key])
        await bench.publish(lost)
        await bench.until_status([lost.run_id], RunStatus.FAILED)
        await bench.until_empty(PARKED, 1)
        for _ in range(25):  # looking changes nothing
            (parked,) = await parking(bench).all()
        assert (parked.run_id, parked.queue) == (lost.run_id, CLASSIFY)
        assert parked.parked_at is not None
        listed = await krabbel(bench, "list", "--json")
        assert listed.returncode == 0, listed.stderr
        (row,) = json.loads(listed.stdout)
        assert row["run_id"] == lost.run_id
        assert "not in the object store" in row["reason"]
        shown = json.loads((await krabbel(bench, "show", row["id"])).stdout)
        assert json.loads(shown["body"])["run_id"] == lost.run_id
        # the picture is found again
        await bench.store.put(lost.images[0].object_key, good, "image/jpeg")
        assert (await krabbel(bench, "replay", row["id"])).returncode == 0
        await bench.until_status([lost.run_id], RunStatus.CLASSIFIED)
        assert (await bench.runs.get(lost.run_id)).status_reason is None
        assert await parking(bench).all() == []


async def test_message_from_a_newer_system_keeps_what_it_is_when_replayed(bench: Bench) -> None:
    newer = aio_pika.Message(b'{"run": 1}', type=JOB_TYPE, headers={VERSION_HEADER: 99}, message_id="new")
    await bench.broker.publish_message(newer, CLASSIFY)

    async def take() -> "tuple[str | None, object, bytes]":
        async with bench.broker.consumer(CLASSIFY, 1) as deliveries:
            delivery = await asyncio.wait_for(anext(deliveries), 10)
            await delivery.park()
            return delivery.message_type, delivery.headers.get(VERSION_HEADER), delivery.body

    assert await take() == (JOB_TYPE, 99, b'{"run": 1}')
    await bench.until_empty(PARKED, 1)
    (parked,) = await parking(bench).all()
    assert "version 99" in parked.cause
    assert parked.job is None
    assert (await parking(bench).replay(parked.parked_id)).done == 1
    assert await take() == (JOB_TYPE, 99, b'{"run": 1}')
    await bench.until_empty(PARKED, 1)


async def test_only_the_named_message_is_dropped(bench: Bench) -> None:
    for number in range(3):
        await bench.broker.publish_message(aio_pika.Message(b"junk %d" % number), PARKED)
    found = await parking(bench).all()
    assert (await parking(bench).drop(found[1].parked_id)).done == 1
    assert {message.body for message in await parking(bench).all()} == {b"junk 0", b"junk 2"}
    with pytest.raises(NotFound, match="krabbel dead list"):
        await parking(bench).drop(found[1].parked_id)
    listed = await krabbel(bench, "list")
    assert "unreadable" in listed.stdout
    assert (await krabbel(bench, "drop", "--all")).returncode == 0
    assert await parking(bench).all() == []
    assert "Nothing is parked" in (await krabbel(bench, "list")).stdout


async def test_command_wants_one_id_or_all_and_says_what_is_unknown(bench: Bench) -> None:
    assert (await krabbel(bench, "drop")).returncode == 2
    unknown = await krabbel(bench, "replay", "01234567")
    assert unknown.returncode == 1
    assert "No parked message" in unknown.stderr
    assert "Traceback" not in unknown.stderr


async def test_retention_leaves_parked_and_reclassified_runs_alone(bench: Bench) -> None:
    job, orders = await bench.add_run(1, publish=False), Reclassifications(bench.database, bench.broker)
    busy = BusyRuns(orders, bench.broker, parking(bench))
    await bench.broker.publish(job, PARKED)
    await bench.until_empty(PARKED, 1)
    order = await orders.order("better@2")
    found = await busy.find()
    assert job.run_id in found.run_ids
    assert order.order_id in {each.order_id for each in found.orders}
    assert (await orders.send(order.order_id)).state is OrderState.SENT  # and no job of it waits
    await parking(bench).drop(None)
    found = await busy.find()
    assert job.run_id not in found.run_ids
    assert order.order_id not in {each.order_id for each in found.orders}
