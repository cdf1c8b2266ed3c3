"""The page as the server hands it out, and the sessions behind it."""

import asyncio
import gc
import json
import re
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from services.dashboard import app as app_module
from services.dashboard.app import Dashboard
from services.dashboard.feed import Link
from services.dashboard.roles import Role
from services.dashboard.session import Session
from services.dashboard.settings import DashboardSettings
from tests.support.fake_query import FakeQuery


@pytest.fixture
async def query() -> AsyncIterator[FakeQuery]:
    fake = FakeQuery(plain=True)
    fake.add_camera("garten", "Garten </script> 1")
    fake.classify(fake.receive("garten", "bee"), "bee")
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def dashboard(query: FakeQuery, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dashboard]:
    monkeypatch.setattr(app_module, "SESSION_LINGERS_MS", 300)
    settings = DashboardSettings(
        host="127.0.0.1",
        port=0,
        query_url=f"http://127.0.0.1:{query.port}",
        ingest_url="http://127.0.0.1:9",
        service_key="secret",
    )
    dashboard = app_module.create_app(settings)
    dashboard.start()
    async with asyncio.timeout(20):
        while dashboard.feed.link is not Link.LIVE:
            await asyncio.sleep(0.02)
    yield dashboard
    await dashboard.stop()


async def get(dashboard: Dashboard, path: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{dashboard.port}{path}") as answer:
        return answer.status, await answer.text(errors="replace")


def boot_of(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="boot">(.*?)</script>', page, re.DOTALL)
    assert match
    return dict(json.loads(match.group(1)))


async def test_page_brings_its_first_picture_along(dashboard: Dashboard) -> None:
    status, page = await get(dashboard, "/")

    assert status == 200
    assert '<html lang="de">' in page
    assert 'name="viewport"' in page
    boot = boot_of(page)
    card = boot["snapshot"]["gallery"]["cards"][0]
    assert card["label"] == "bee"
    assert f'rel="preload" as="image" href="{card["src"]}"' in page
    assert boot["snapshot"]["cameras"]["cameras"][0]["name"] == "Garten </script> 1"


async def test_page_speaks_english_when_asked(dashboard: Dashboard) -> None:
    _, page = await get(dashboard, "/?lang=en")

    assert '<html lang="en">' in page
    assert "Live from the green carpet" in page
    assert boot_of(page)["taxonomy"]["bee"]["name"] == "Wild bee"


async def test_day_that_was_chosen_on_the_first_page_is_found_on_its_own(dashboard: Dashboard) -> None:
    async with ClientSession() as session:
        async with session.get(
            f"http://127.0.0.1:{dashboard.port}/?day=2026-05-12&lang=en", allow_redirects=False
        ) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/day?lang=en&day=2026-05-12")
    _, page = await get(dashboard, "/?day=2026-05-12")
    assert boot_of(page)["day"] == "2026-05-12"


@pytest.mark.parametrize("wanted", ["yesterday", "2026-13-45", "<script>", "%00", "9999-99-99"])
@pytest.mark.parametrize("path", ["/", "/day"])
async def test_day_that_is_none_is_today(dashboard: Dashboard, path: str, wanted: str) -> None:
    status, page = await get(dashboard, f"{path}?day={wanted}")

    assert status == 200
    assert boot_of(page)["day"] is None


async def test_health_readiness_and_metrics(dashboard: Dashboard, query: FakeQuery) -> None:
    assert (await get(dashboard, "/healthz"))[0] == 200
    assert (await get(dashboard, "/readyz"))[0] == 200
    assert "krabbel_dashboard_sessions" in (await get(dashboard, "/metrics"))[1]
    query.hold_back()
    async with asyncio.timeout(10):
        while dashboard.feed.link is Link.LIVE:
            await asyncio.sleep(0.02)
    status, said = await get(dashboard, "/readyz")
    assert (status, '"query": "lost"' in said) == (200, True), "the page itself says it; taking it away would not help"
    assert (await get(dashboard, "/"))[0] == 200, "the page is there, and says that it waits"


async def test_script_and_style_come_from_the_package(dashboard: Dashboard) -> None:
    _, page = await get(dashboard, "/")

    for address in set(re.findall(r'(?:href|src)="(/?(?:assets|static)/[^"]+)"', page)):
        status, _ = await get(dashboard, "/" + address.lstrip("/"))
        assert status == 200, address


async def test_reads_are_passed_on_with_the_service_key(dashboard: Dashboard) -> None:
    status, body = await get(dashboard, "/ui/api/runs?limit=1&class=bee")

    assert status == 200
    assert json.loads(body)["items"][0]["result"]["label"] == "bee"


@pytest.mark.parametrize("path", ["live", "users", "runs/../users", "images/x", "stats/../users", "runs%2f..%2fk", ""])
async def test_nothing_else_is_passed_on(dashboard: Dashboard, path: str) -> None:
    status, _ = await get(dashboard, f"/ui/api/{path}")

    assert status == 404


async def test_service_that_is_away_is_said_as_a_problem(dashboard: Dashboard, query: FakeQuery) -> None:
    await query.stop()

    status, body = await get(dashboard, "/ui/api/days")

    assert (status, json.loads(body)["type"]) == (503, "urn:krabbel:problem:unavailable")


async def test_read_that_needs_a_higher_role_is_refused(dashboard: Dashboard) -> None:
    assert (await get(dashboard, "/ui/api/keys"))[0] == 403


@pytest.mark.parametrize("path", ["keys", "system", "dead", "retention", "models", "exports/jobs"])
async def test_what_administrators_read_editors_do_not(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("services.dashboard.passing.role_of", lambda _request: Role.EDITOR)

    assert (await get(dashboard, f"/ui/api/{path}"))[0] == 403


@pytest.mark.parametrize(
    ("role", "header", "status"), [(Role.EDITOR, "1", 403), (Role.ADMIN, "0", 403), (Role.ADMIN, "1", 503)]
)
async def test_changes_are_taken_from_administrators_on_our_own_pages(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, role: Role, header: str, status: int
) -> None:
    monkeypatch.setattr("services.dashboard.writing.role_of", lambda _request: role)
    address = f"http://127.0.0.1:{dashboard.port}/ui/api/cameras"

    async with ClientSession() as session:
        answer = await session.post(address, json={"name": "Garten 2"}, headers={"X-Krabbel-Page": header})

        assert answer.status == status, "503: it was passed on, and nobody is there"
        assert (await answer.json(content_type="application/problem+json"))["status"] == status


def token_of(page: str) -> str:
    match = re.search(r'"token":"([^"]+)"', page)
    assert match
    return match.group(1)


async def test_websocket_of_a_strange_page_is_refused(dashboard: Dashboard) -> None:
    _, page = await get(dashboard, "/")
    address = f"ws://127.0.0.1:{dashboard.port}/ws"
    async with ClientSession() as session:
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(
                address, protocols=["bokeh", token_of(page)], headers={"Origin": "http://evil.example"}
            )


async def test_closed_pages_are_freed(dashboard: Dashboard) -> None:
    address = f"ws://127.0.0.1:{dashboard.port}/ws"
    known = weakref.WeakSet[Session]()
    async with ClientSession() as client:
        for _ in range(5):
            _, page = await get(dashboard, "/")
            socket = await client.ws_connect(address, protocols=["bokeh", token_of(page)])
            await socket.receive(timeout=10)
            _say_ready(dashboard, known)
            assert len(dashboard.feed.hub) > 0
            await socket.close()
        async with asyncio.timeout(20):
            while len(dashboard.feed.hub):
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)

    gc.collect()
    assert not _sessions(dashboard)


def _say_ready(dashboard: Dashboard, known: weakref.WeakSet[Session]) -> None:
    """Say of new sessions what their pages would say."""
    for session in _sessions(dashboard):
        if session not in known:
            session._heard({"ready": True})
            known.add(session)


def _sessions(dashboard: Dashboard) -> list[Session]:
    # By type: isinstance asks a weak proxy for its class, and raises where what another test's proxy stood for is gone.
    return [one for one in gc.get_objects() if type(one) is Session and getattr(one, "_feed", None) is dashboard.feed]
