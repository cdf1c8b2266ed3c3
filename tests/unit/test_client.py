"""The client of the query API, against a stand-in that speaks the same."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from krabbel.client import QueryClient, error_of, image_path
from proto.errors import RunNotFound, Unavailable
from proto.live import LiveEventType
from proto.run import RunStatus
from tests.support.fake_query import FakeQuery


@pytest.fixture
async def query() -> AsyncIterator[FakeQuery]:
    fake = FakeQuery(plain=True)
    fake.add_camera("garten", "Garten")
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def client(query: FakeQuery) -> AsyncIterator[QueryClient]:
    async with QueryClient(f"http://127.0.0.1:{query.port}/", "secret") as client:
        yield client


async def test_runs_come_as_contracts_and_by_filter(query: FakeQuery, client: QueryClient) -> None:
    bee = query.receive("garten", "bee")
    query.classify(bee, "bee")
    query.classify(query.receive("garten", "none_dirt"), "none_dirt")
    waiting = query.receive("garten", "ant")

    assert [run.run_id for run in (await client.runs(insect=True)).items] == [bee]
    assert [run.run_id for run in (await client.runs(status=RunStatus.QUEUED)).items] == [waiting]
    assert len((await client.runs(limit=2)).items) == 2


async def test_statistics_cameras_days_and_status(query: FakeQuery, client: QueryClient) -> None:
    query.classify(query.receive("garten", "bee"), "bee")
    day = (await client.days())[0]

    assert (day.runs, day.insects) == (1, 1)
    assert len((await client.hours(day.day)).hours) == 24
    assert [(row.label, row.runs) for row in (await client.classes(day.day)).classes] == [("bee", 1)]
    assert [camera.name for camera in await client.cameras()] == ["Garten"]
    status = await client.status()
    assert status.model is not None
    assert status.model.demo


async def test_live_events_arrive_as_they_happen(query: FakeQuery, client: QueryClient) -> None:
    opened = asyncio.Event()
    stream = client.live(opened=opened)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.wait_for(opened.wait(), 5)

    run_id = query.receive("garten", "bee")

    event = await asyncio.wait_for(first, 5)
    assert (event.type, event.run.run_id) == (LiveEventType.RECEIVED, run_id)
    assert (await anext(stream)).type is LiveEventType.QUEUED
    await stream.aclose()


async def test_server_that_goes_away_ends_the_stream_with_unavailable(query: FakeQuery, client: QueryClient) -> None:
    stream = client.live()
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.2)

    await query.stop()

    with pytest.raises(Unavailable):
        await asyncio.wait_for(first, 5)


async def test_server_that_is_not_there_is_unavailable() -> None:
    async with QueryClient("http://127.0.0.1:9", "secret") as client:
        with pytest.raises(Unavailable):
            await client.cameras()
        with pytest.raises(Unavailable):
            await anext(client.live())


async def test_wrong_key_is_refused(query: FakeQuery) -> None:
    async with QueryClient(f"http://127.0.0.1:{query.port}", "wrong") as client:
        with pytest.raises(Unavailable, match="401"):
            await client.cameras()


@pytest.mark.parametrize("wire", [b"event: run.received\ndata: {}\n\n", b"event: reset\ndata: {}\n\n"])
async def test_event_that_cannot_be_read_and_missed_events_end_the_stream(wire: bytes) -> None:
    async def live(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b":\n\n: hello\n\n" + wire)
        return response

    app = web.Application()
    app.router.add_get("/api/v1/live", live)
    async with TestServer(app) as server, QueryClient(str(server.make_url("/")), "") as client:
        with pytest.raises(Unavailable):
            await anext(client.live())


async def test_event_in_pieces_is_put_together(query: FakeQuery) -> None:
    whole: list[bytes] = []

    async def live(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for at in range(0, len(whole[0]), 7):
            await response.write(whole[0][at : at + 7])
        return response

    query.receive("garten", "bee", datetime.now(UTC))
    run = next(iter(query.runs.values()))
    event = {"event_id": "1", "type": "run.received", "at": run.received_at.isoformat(), "run": None}
    text = __import__("json").dumps(event).replace("null", run.model_dump_json())
    whole.append(f"id: 1\r\nevent: run.received\r\ndata: {text}\r\n\r\n".encode())
    app = web.Application()
    app.router.add_get("/api/v1/live", live)
    async with TestServer(app) as server, QueryClient(str(server.make_url("/")), "") as client:
        assert (await anext(client.live())).run == run


def test_refusal_becomes_the_error_of_its_slug() -> None:
    body = '{"type": "urn:krabbel:problem:run-not-found", "title": "x", "status": 404, "detail": "none such"}'

    assert isinstance(error_of(404, body), RunNotFound)
    assert error_of(418, body.replace("run-not-found", "teapot").replace("404", "418")).status == 418
    assert isinstance(error_of(502, "<html>"), Unavailable)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (f"runs/{'a' * 32}/{'b' * 64}.jpg", f"/api/v1/images/{'a' * 32}/{'b' * 64}.jpg"),
        ("runs/../secret", None),
        ("other/x.jpg", None),
    ],
)
def test_image_path_is_made_of_keys_of_our_form_only(key: str, path: str | None) -> None:
    assert image_path(key) == path
