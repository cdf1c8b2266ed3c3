"""A store is gone: uploads are taken, and forwarded when it is back. These tests kill, so the servers are theirs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from krabbel.stack import BACKENDS
from services.chassis.broker import open_broker
from services.chassis.settings import BackendSettings
from tests.integration.test_ingest import CROPS, END, START, assert_stored_once
from tests.stack_fixture import CONTAINERS, RunningStack, running_stack
from tests.support.classifier_worker import empty_queues
from tests.support.deployed_trap import send_run
from tests.support.ingest_process import IngestProcess, Stores, open_stores

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.skipif(CONTAINERS, reason="kills servers, which only the embedded stack allows"),
]
UPLOADS = 6


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("mortal")) as running:
        with ThreadPoolExecutor(1) as own_thread:  # without a loop, whichever kind of test comes first
            own_thread.submit(asyncio.run, _write_to_each_queue(running.env)).result()
        yield running


async def _write_to_each_queue(env: dict[str, str]) -> None:
    """Declare the queues and have each write to its log.

    A quorum queue that was declared, and whose broker is killed before the log has its first entry, has no leader ever
    after (RabbitMQ 3.10): its member starts with an empty log and asks for no election. Such a queue has never
    confirmed anything, so nothing is lost, but nothing can be published to it.
    """
    settings = BackendSettings.from_env(env)
    async with open_broker(settings) as broker:
        await broker.ping()
        await empty_queues(settings)


@pytest.fixture
def ingest(mortal: RunningStack, tmp_path: Path) -> Iterator[IngestProcess]:
    process = IngestProcess(mortal.env, tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def stores(ingest: IngestProcess) -> AsyncIterator[Stores]:
    async with open_stores(ingest.backends) as opened:
        yield opened


@pytest.mark.parametrize("dead", [*((name,) for name in BACKENDS), BACKENDS], ids="+".join)
@pytest.mark.parametrize("restart_too", [False, True], ids=["ingest-lives", "ingest-restarts"])
async def test_uploads_during_an_outage_are_taken_and_forwarded_later(
    mortal: RunningStack, ingest: IngestProcess, stores: Stores, dead: tuple[str, ...], restart_too: bool
) -> None:
    for name in dead:
        await asyncio.to_thread(mortal.embedded.kill, name, stay_down=True)
    try:
        for number in range(UPLOADS):
            answer = await asyncio.to_thread(send_run, ingest.classify, ingest.key, number, START, END, CROPS)
            assert answer.status_code == 200
        assert ingest.waiting == UPLOADS
        if restart_too:
            ingest.kill()
            await asyncio.to_thread(ingest.start, start_wait_seconds=0.2)
            assert ingest.waiting == UPLOADS
    finally:
        for name in dead:
            await asyncio.to_thread(mortal.embedded.restart, name)

    await ingest.until_forwarded(90)
    await assert_stored_once(stores, ingest.camera_id, runs=UPLOADS)
    runs = await stores.runs()
    assert [run.tracking_id for run in runs] == [str(number) for number in range(UPLOADS)]
