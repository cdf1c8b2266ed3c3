"""The feed against a stand-in for the query service: what it shows is what is true, whatever breaks in between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest

from krabbel.client import QueryClient
from services.dashboard import state as state_module
from services.dashboard.changes import Reader
from services.dashboard.feed import Feed, Link
from services.dashboard.hub import Subscription, Topic
from services.dashboard.views import Views
from tests.support.fake_query import FakeQuery


@pytest.fixture
async def query() -> AsyncIterator[FakeQuery]:
    fake = FakeQuery(plain=True)
    fake.add_camera("garten", "Garten 1")
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def feed(query: FakeQuery) -> AsyncIterator[Feed]:
    async with QueryClient(f"http://127.0.0.1:{query.port}", "secret") as client:
        feed = Feed(client, patience_s=0.3)
        task = asyncio.create_task(feed.run())
        yield feed
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


def insects_today(feed: Feed) -> int:
    figures = feed.state.figures.get(feed.today)
    return sum(figures.insects) if figures else -1


async def test_what_was_there_before_and_what_happens_now_are_counted_once(query: FakeQuery, feed: Feed) -> None:
    query.classify(query.receive("garten", "bee"), "bee")
    await until(lambda: feed.link is Link.LIVE)
    await until(lambda: insects_today(feed) == 1)

    query.classify(query.receive("garten", "lepi"), "lepi")

    await until(lambda: insects_today(feed) == 2)
    assert feed.state.totals() == (2, 2)
    assert [run.result.label for run in feed.state.gallery() if run.result] == ["lepi", "bee"]


async def test_run_that_was_waiting_when_we_came_is_counted_once(query: FakeQuery, feed: Feed) -> None:
    waiting = query.receive("garten", "bee")
    await until(lambda: feed.link is Link.LIVE)
    assert [run.run_id for run in feed.state.gallery()] == [waiting]

    query.classify(waiting, "bee")

    await until(lambda: insects_today(feed) == 1)
    await asyncio.sleep(0.3)
    assert insects_today(feed) == 1


async def test_doubted_day_is_read_again(query: FakeQuery, feed: Feed) -> None:
    bee = query.receive("garten", "bee")
    query.classify(bee, "bee")
    for _ in range(40):
        query.classify(query.receive("garten", "ant"), "ant")
    await until(lambda: insects_today(feed) == 41)

    query.classify(bee, "none_dirt")  # named anew, and so long ago that we do not remember what it was

    await until(lambda: insects_today(feed) == 40)


async def test_lost_service_is_said_and_what_was_missed_is_read(query: FakeQuery, feed: Feed) -> None:
    await until(lambda: feed.link is Link.LIVE)
    query.hold_back()
    await until(lambda: feed.link is Link.LOST)
    query.classify(query.receive("garten", "lepi"), "lepi")

    query.let_go()

    await until(lambda: feed.link is Link.LIVE)
    assert insects_today(feed) == 1
    assert len(feed.state.gallery()) == 1


async def test_changes_reach_the_pages_that_listen_and_a_broken_stream_is_said(query: FakeQuery, feed: Feed) -> None:
    await until(lambda: feed.link is Link.LIVE)
    reader = Reader()
    feed.changes.join(reader)
    run_id = query.receive("garten", "bee")
    query.classify(run_id, "bee")
    query.verify(run_id, "wasp")
    told: list[dict[str, object]] = []
    await until(lambda: bool(told.extend(reader.take()[1]) or (told and told[-1]["verification"])))
    assert (told[-1]["run_id"], told[-1]["label"]) == (run_id, "wasp")

    query.hold_back()
    await until(lambda: feed.link is Link.LOST)
    query.let_go()
    await until(lambda: reader.take()[0])


async def test_midnight_makes_another_today(query: FakeQuery, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    await until(lambda: feed.link is Link.LIVE)
    page = Subscription(lambda: None)
    feed.hub.join(page)
    page.take()
    tomorrow = feed.today + timedelta(days=1)

    class Tomorrow(datetime):
        @classmethod
        def now(cls, zone=None):  # type: ignore[no-untyped-def,override]
            return datetime.now(zone) + timedelta(days=1)

    monkeypatch.setattr(state_module, "datetime", Tomorrow)

    await until(lambda: tomorrow in feed.state.figures)
    assert feed.today == tomorrow
    subjects, _ = page.take()
    assert {Topic.TOTALS, tomorrow} <= subjects
    assert Views(feed).topic(Topic.TOTALS)["days"][0] == [tomorrow.isoformat(), 0]


async def test_new_camera_is_asked_for_when_it_uploads(query: FakeQuery, feed: Feed) -> None:
    await until(lambda: feed.link is Link.LIVE)
    query.add_camera("dach", "Dachgarten")

    query.receive("dach", "bee")

    await until(lambda: "dach" in feed.state.cameras)
    assert Views(feed).topic(Topic.CAMERAS)["cameras"][0]["name"] == "Dachgarten"
