"""The live stream: who reads it gets everything once, over losses of the connection, the service and the database."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientTimeout
from aiohttp.test_utils import TestClient, TestServer

from krabbel.stack import EmbeddedStack
from proto.errors import Unavailable
from proto.verification import VerificationItem
from services.chassis.database import open_database
from services.chassis.runs import Runs
from services.chassis.verifications import Verifications
from services.query.app import create_app
from services.query.routes_live import HUB
from services.query.settings import QuerySettings
from tests.integration.test_query_api import KEY, World, world
from tests.support.seeds import a_run, a_verdict

pytestmark = pytest.mark.stack
__all__ = ["world"]


@dataclass
class Stream:
    """One open stream, parsed."""

    response: object
    ids: list[str] = field(default_factory=list)
    comments: int = 0

    async def next(self, seconds: float = 10) -> tuple[str, dict]:
        """Return the next event's name and data."""
        async with asyncio.timeout(seconds):
            event: dict[str, str] = {}
            while True:
                line = (await self.response.content.readline()).decode()
                assert line, "the stream ended"
                if line.startswith(":"):
                    self.comments += 1
                elif line == "\n":
                    if "event" in event:
                        self.ids.append(event.get("id", ""))
                        return event["event"], json.loads(event["data"])
                    event = {}
                else:
                    name, _, value = line.rstrip("\n").partition(": ")
                    event[name] = value

    async def several(self, count: int) -> list[tuple[str, str]]:
        """Return names and track ids of the next events."""
        found = [await self.next() for _ in range(count)]
        return [(name, data["run"]["tracking_id"]) for name, data in found]


@asynccontextmanager
async def stream(client: TestClient, query: str = "", **headers: str):
    async with client.get(f"/api/v1/live{query}", headers={**KEY, **headers}, timeout=ClientTimeout()) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        await response.content.readline()
        # the handler has joined the hub when it is counted
        yield Stream(response)


async def whole_life(runs: Runs, number: int, label: str = "bee", camera: str = "garden-1"):
    run = a_run(number, camera=camera)
    await runs.receive(run)
    await runs.mark_queued(run.run_id)
    await runs.complete(a_verdict(run, label))
    return run


async def test_a_run_is_told_from_receipt_to_result_once_each(world: World):
    async with stream(world.client) as live:
        await asyncio.sleep(0.1)
        run = await whole_life(world.runs, 1)
        # When the verdict is delivered again, nobody hears of it
        await world.runs.complete(a_verdict(run))
        failed = a_run(2)
        await world.runs.receive(failed)
        await world.runs.fail(failed.run_id, "no readable image")
        assert await live.several(5) == [
            ("run.received", "1"), ("run.queued", "1"), ("run.classified", "1"), ("run.received", "2"),
            ("run.failed", "2"),
        ]  # fmt: skip


async def test_an_event_holds_the_run_and_the_way_back(world: World):
    async with stream(world.client) as live:
        await asyncio.sleep(0.1)
        await whole_life(world.runs, 1)
        await live.several(2)
        _, data = await live.next()
        assert data["run"]["result"]["label"] == "bee"
        assert data["event_id"] == live.ids[-1]


async def test_filters_let_through_what_was_asked_for(world: World):
    async with stream(world.client, "?class=fly&camera=garden-1") as live:
        await asyncio.sleep(0.1)
        await whole_life(world.runs, 1, "bee")
        await whole_life(world.runs, 2, "fly", camera="roof")
        await whole_life(world.runs, 3, "fly")
        assert (await live.several(1))[0] == ("run.classified", "3")


async def test_a_persons_word_is_told_with_the_run_and_passes_the_filter_of_its_class(world: World):
    await whole_life(world.runs, 1, "bee")
    async with stream(world.client, "?class=fly") as live:
        await asyncio.sleep(0.1)
        item = VerificationItem(run_id=a_run(1).run_id, label="fly")
        await Verifications(world.database).decide([item], "Maja")
        name, data = await live.next()
        assert (name, data["run"]["label"], data["run"]["result"]["label"]) == ("run.classified", "fly", "bee")
        assert data["run"]["verification"]["verdict"] == "corrected"


async def test_heartbeats_come_while_nothing_happens(world: World):
    async with stream(world.client) as live:
        await asyncio.sleep(0.8)
        await whole_life(world.runs, 1)
        await live.next()
        assert live.comments >= 2


async def test_a_reader_that_comes_back_misses_nothing(world: World):
    async with stream(world.client) as live:
        await asyncio.sleep(0.1)
        await whole_life(world.runs, 1)
        await live.several(2)
        last = live.ids[-1]
    await whole_life(world.runs, 2)
    async with stream(world.client, **{"Last-Event-ID": last}) as live:
        await asyncio.sleep(0.1)
        await whole_life(world.runs, 3)
        expected = [("run.classified", "1")]
        expected += [(f"run.{kind}", track) for track in "23" for kind in ("received", "queued", "classified")]
        assert await live.several(7) == expected


async def test_a_reader_comes_back_to_a_service_that_was_restarted(world: World):
    async with stream(world.client) as live:
        await asyncio.sleep(0.1)
        await whole_life(world.runs, 1)
        await live.several(3)
        last = live.ids[-1]
    await whole_life(world.runs, 2)
    from services.query.access import SETTINGS

    async with TestClient(TestServer(create_app(world.client.app[SETTINGS]))) as fresh:
        async with stream(fresh, **{"Last-Event-ID": last}) as live:
            assert await live.several(3) == [(f"run.{kind}", "2") for kind in ("received", "queued", "classified")]
            await whole_life(world.runs, 3)
            assert await live.several(3) == [(f"run.{kind}", "3") for kind in ("received", "queued", "classified")]


async def test_a_place_that_is_lost_is_told_as_reset(world: World):
    async with stream(world.client, **{"Last-Event-ID": "82" + "00" * 30}) as live:
        name, _ = await live.next()
        assert name == "reset"
        await whole_life(world.runs, 1)
        assert (await live.several(1))[0] == ("run.received", "1")


@pytest.mark.parametrize("last", ["nonsense", "x" * 500, "82'--"])
async def test_what_is_no_place_is_refused(world: World, last: str):
    async with world.client.get("/api/v1/live", headers={**KEY, "Last-Event-ID": last}) as response:
        assert response.status == 400


async def test_a_slow_reader_is_cut_and_the_others_go_on(world: World):
    hub = world.client.app[HUB]
    async with stream(world.client) as good:
        _reader, writer = await asyncio.open_connection(world.client.host, world.client.port, limit=1024)
        writer.write(b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer service-secret\r\n\r\n")
        await writer.drain()
        async with asyncio.timeout(5):
            while hub.readers < 2:
                await asyncio.sleep(0.01)
        # Given one that never reads, and far more than its buffers hold
        run = await whole_life(world.runs, 1)
        await good.several(3)
        event = next(reversed(hub._history.values()))
        slow = hub.readers
        assert slow == 2
        for _ in range(200):
            hub.fan.each(event, lambda one: min([one.send(event) for _ in range(40)]))
            for _ in range(40):
                assert (await good.next())[1]["run"]["run_id"] == run.run_id
            if hub.readers == 1:
                break
        assert hub.readers == 1
        await whole_life(world.runs, 2)
        assert (await good.several(3))[-1] == ("run.classified", "2")
        writer.close()


async def test_the_same_over_a_websocket(world: World):
    async with world.client.ws_connect("/api/v1/live/ws?class=fly", headers=KEY) as socket:
        await asyncio.sleep(0.1)
        await whole_life(world.runs, 1, "bee")
        await whole_life(world.runs, 2, "fly")
        event = await socket.receive_json(timeout=10)
        assert (event["type"], event["run"]["tracking_id"]) == ("run.classified", "2")
    await whole_life(world.runs, 3, "fly")
    async with world.client.ws_connect(f"/api/v1/live/ws?last_event_id={event['event_id']}", headers=KEY) as socket:
        told = [(await socket.receive_json(timeout=10))["type"] for _ in range(3)]
        assert told == ["run.received", "run.queued", "run.classified"]
    async with world.client.get("/api/v1/live/ws", headers=KEY) as response:
        assert response.status == 400
    async with asyncio.timeout(5):
        while world.client.app[HUB].readers:
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_the_stream_goes_on_after_a_crash_of_the_database(tmp_path):
    with EmbeddedStack(tmp_path, ("database",)) as stack:
        settings = QuerySettings(
            mongo_url=stack.env["KRABBEL_MONGO_URL"], service_key="service-secret", live_heartbeat_s=0.5
        )
        async with open_database(settings, timeout_s=10) as database:
            await database.ensure_indexes()
            runs = Runs(database)
            async with TestClient(TestServer(create_app(settings))) as client, stream(client) as live:
                await asyncio.sleep(0.2)
                await whole_life(runs, 1)
                await live.several(3)
                # When the database is killed and comes back, and runs arrive before anybody has reconnected
                await asyncio.to_thread(stack.kill, "database")
                await asyncio.to_thread(stack.wait_until_up, "database")
                async with asyncio.timeout(30):
                    while True:
                        try:
                            await runs.receive(a_run(2))
                            break
                        except Unavailable:
                            await asyncio.sleep(0.1)
                await whole_life(runs, 3)
                # Then the same open stream tells them
                told = [await live.next(30) for _ in range(4)]
                assert [(name, data["run"]["tracking_id"]) for name, data in told] == [
                    ("run.received", "2"), ("run.received", "3"), ("run.queued", "3"), ("run.classified", "3"),
                ]  # fmt: skip


async def test_a_reader_who_left_is_forgotten(world: World):
    hub = world.client.app[HUB]
    async with stream(world.client):
        assert hub.readers == 1
    async with asyncio.timeout(5):
        while hub.readers:
            await asyncio.sleep(0.05)
