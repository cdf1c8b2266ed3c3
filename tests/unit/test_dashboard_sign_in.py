"""Signing in and out of the dashboard, and what is behind the door: with a stand-in for the query service."""

import asyncio
import re
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
from aiohttp import ClientResponse, ClientSession, WSServerHandshakeError

from proto.user import UserRole, Who
from services.dashboard import app as app_module
from services.dashboard import doorkeeper
from services.dashboard.app import Dashboard
from services.dashboard.feed import Link
from services.dashboard.roles import SESSION_COOKIE
from services.dashboard.settings import DashboardSettings
from services.dashboard.signing_in import safe_next
from tests.support.fake_query import FakeQuery

ANNA = Who(name="Anna Käfer", role=UserRole.EDITOR)
FORM = {"name": "anna", "password": " vier bunte käfer", "next": "/verify?lang=de&mode=many", "lang": "de"}


@pytest.fixture
async def query() -> AsyncIterator[FakeQuery]:
    fake = FakeQuery(plain=True)
    fake.add_camera("garten", "Garten")
    fake.classify(fake.receive("garten", "bee"), "bee")
    fake.passwords["anna"] = (FORM["password"], ANNA)
    await fake.start()
    yield fake
    await fake.stop()


async def started(query: FakeQuery, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Dashboard:
    monkeypatch.setattr(app_module, "SESSION_LINGERS_MS", 300)
    monkeypatch.setattr(doorkeeper, "FRESH_S", 0.1)
    monkeypatch.setattr(doorkeeper, "WATCH_S", 0.1)
    url = f"http://127.0.0.1:{query.port}"
    dashboard = app_module.create_app(
        DashboardSettings(host="127.0.0.1", port=0, query_url=url, service_key="secret", **settings)
    )
    dashboard.start()
    async with asyncio.timeout(20):
        while dashboard.feed.link is not Link.LIVE:
            await asyncio.sleep(0.02)
    return dashboard


@pytest.fixture
async def dashboard(query: FakeQuery, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dashboard]:
    dashboard = await started(query, monkeypatch)
    yield dashboard
    await dashboard.stop()


@pytest.fixture
async def closed(query: FakeQuery, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dashboard]:
    """A dashboard for nobody who is not signed in."""
    dashboard = await started(query, monkeypatch, visitor_role="none")
    yield dashboard
    await dashboard.stop()


def url(dashboard: Dashboard, path: str = "/") -> str:
    return f"http://127.0.0.1:{dashboard.port}{path}"


async def ask(
    dashboard: Dashboard, path: str, token: str = "", method: str = "GET", **more
) -> tuple[ClientResponse, str]:
    headers = more.pop("headers", {}) | ({"Cookie": f"{SESSION_COOKIE}={token}"} if token else {})
    async with (
        ClientSession() as session,
        session.request(method, url(dashboard, path), headers=headers, allow_redirects=False, **more) as answer,
    ):
        return answer, await answer.text(errors="replace")


async def post(dashboard: Dashboard, path: str = "/login", token: str = "", origin: str | None = "", **changed: str):
    origin = url(dashboard, "") if origin == "" else origin
    headers = {"Origin": origin} if origin else {}
    return await ask(dashboard, path, token, "POST", data=FORM | changed, headers=headers)


def cookie_of(answer: ClientResponse):
    return SimpleCookie(answer.headers["Set-Cookie"])[SESSION_COOKIE]


async def test_right_password_brings_back_to_the_page_that_was_asked_for(
    dashboard: Dashboard, query: FakeQuery
) -> None:
    sent, _ = await ask(dashboard, "/verify?lang=de&mode=many")
    assert sent.status == 302
    assert sent.headers["Location"] == "/login?lang=de&next=%2Fverify%3Flang%3Dde%26mode%3Dmany"

    answer, _ = await post(dashboard)

    assert (answer.status, answer.headers["Location"]) == (303, FORM["next"])
    cookie = cookie_of(answer)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
    assert (await post(dashboard, next="", lang="en"))[0].headers["Location"] == "/?lang=en"
    page, text = await ask(dashboard, "/verify", cookie.value)
    assert page.status == 200
    assert "Anna Käfer" in text
    assert 'action="/logout"' in text


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"password": "falsch"}, 401, "Name oder Passwort stimmt nicht."),
        ({"name": "nobody", "lang": "en"}, 401, "Name or password is wrong."),
        ({"password": FORM["password"].strip()}, 401, "Name oder Passwort stimmt nicht."),
        ({"password": "limited"}, 429, "Zu viele falsche Versuche"),
    ],
)
async def test_what_is_wrong_is_said_in_words_and_no_password_comes_back(
    dashboard: Dashboard, changed: dict[str, str], status: int, said: str
) -> None:
    answer, text = await post(dashboard, **changed)

    assert answer.status == status
    assert said in text
    assert "Set-Cookie" not in answer.headers
    assert f'value="{(FORM | changed)["password"]}"' not in text
    assert f'value="{(FORM | changed)["name"]}"' in text
    assert 'name="next" value="/verify?lang=de&amp;mode=many"' in text


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
async def test_forms_of_other_sites_are_not_taken(
    dashboard: Dashboard, query: FakeQuery, path: str, origin: str | None
) -> None:
    token = query.sign_in()

    answer, text = await post(dashboard, path, token, origin)

    assert answer.status == 403
    assert "kam nicht von einer Seite" in text
    assert token in query.sessions


async def test_sign_out_ends_the_session_here_and_in_the_query_service(dashboard: Dashboard, query: FakeQuery) -> None:
    token = query.sign_in(UserRole.EDITOR)
    assert (await ask(dashboard, "/verify", token))[0].status == 200

    answer, _ = await post(dashboard, "/logout", token)

    assert (answer.status, answer.headers["Location"]) == (303, "/?lang=de")
    assert cookie_of(answer).value == ""
    assert token not in query.sessions
    assert (await ask(dashboard, "/verify", token))[0].status == 302
    assert (await ask(dashboard, "/logout", token))[0].status == 302, "a picture's address signs nobody out"


async def test_signing_in_as_somebody_else_ends_the_session_of_before(dashboard: Dashboard, query: FakeQuery) -> None:
    before = query.sign_in(UserRole.READER, "Berta")

    assert (await post(dashboard, token=before))[0].status == 303
    assert before not in query.sessions


@pytest.mark.parametrize(
    ("public_url", "origin", "secure"),
    [
        ("https://krabbel.example.org", "https://krabbel.example.org", True),
        ("http://127.0.0.1:8000", "https://krabbel.example.org", True),
        ("http://127.0.0.1:8000", "http://krabbel.example.org", False),
    ],
)
async def test_cookie_is_for_https_where_the_browser_has_it(query, monkeypatch, public_url, origin, secure) -> None:
    dashboard = await started(query, monkeypatch, public_url=public_url)
    headers = {"Origin": origin, "Host": "krabbel.example.org"}

    answer, _ = await ask(dashboard, "/login", method="POST", data=FORM, headers=headers)

    assert bool(cookie_of(answer)["secure"]) is secure
    await dashboard.stop()


async def test_password_is_not_taken_without_tls_where_there_is_tls(query, monkeypatch) -> None:
    dashboard = await started(query, monkeypatch, public_url="https://krabbel.example.org")

    answer, text = await post(dashboard)

    assert (answer.status, "Set-Cookie" in answer.headers) == (403, False)
    assert 'href="https://krabbel.example.org/login"' in text
    await dashboard.stop()


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/verify?lang=de&run=1#x", "/verify?lang=de&run=1#x"),
        ("/", "/"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/%09/evil", "/%09/evil"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/login?next=/login", "/"),
        ("/logout", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("verify", "/"),
        ("/" + "a" * 2000, "/" + "a" * 999),
    ],
)
def test_after_signing_in_one_stays_here(wanted: str, leads_to: str) -> None:
    assert safe_next(wanted) == leads_to


async def test_revoked_session_loses_its_rights_in_requests(dashboard: Dashboard, query: FakeQuery) -> None:
    token = query.sign_in()
    assert (await ask(dashboard, "/ui/api/runs", token))[0].status == 200
    assert (await ask(dashboard, "/verify", token))[0].status == 200

    query.sessions.clear()
    await asyncio.sleep(0.15)

    assert (await ask(dashboard, "/verify", token))[0].status == 302
    headers = {"X-Krabbel-Page": "1", "Origin": url(dashboard, "")}
    answer, _ = await ask(dashboard, "/ui/api/verifications", token, "POST", json={"items": []}, headers=headers)
    assert answer.status == 403


async def test_who_may_not_see_a_page_hears_why_and_can_sign_in_as_another(
    dashboard: Dashboard, query: FakeQuery
) -> None:
    token = query.sign_in(UserRole.READER)
    answer, _ = await ask(dashboard, "/verify", token)

    answer, text = await ask(dashboard, answer.headers["Location"], token)

    assert answer.status == 403
    assert "reicht die jetzige Anmeldung nicht" in text
    assert (await ask(dashboard, "/login", token))[0].headers["Location"] == "/?lang=de"


async def test_visitors_see_pages_and_are_offered_to_sign_in(dashboard: Dashboard) -> None:
    for path in ("/", "/day?day=2026-05-05"):
        answer, text = await ask(dashboard, path)
        assert answer.status == 200
        assert "/login?lang=de&amp;next=" in text
        assert 'href="/verify' not in text


OPEN = {"/login", "/healthz", "/readyz", "/metrics", "/assets/favicon.svg"}


@pytest.mark.parametrize("path", ["/", "/day", "/archive?run=1", "/verify", *sorted(OPEN)])
async def test_closed_dashboard_shows_nothing_to_who_is_not_signed_in(closed: Dashboard, path: str) -> None:
    answer, text = await ask(closed, path)

    assert answer.status == (200 if path in OPEN else 302)
    if path not in OPEN:
        assert re.match(r"^(\./|/)login\?lang=de&next=%2F", answer.headers["Location"])
        assert "bee" not in text


@pytest.mark.parametrize("path", ["/ui/api/runs", "/ui/api/days", "/ui/outline", "/ui/sun?day=2026-05-05"])
async def test_closed_dashboard_tells_nothing_either(closed: Dashboard, query: FakeQuery, path: str) -> None:
    assert (await ask(closed, path))[0].status == 403
    assert (await ask(closed, path, query.sign_in(UserRole.READER)))[0].status == 200


async def test_closed_dashboard_gives_no_session_but_to_whom_it_knows(closed: Dashboard, query: FakeQuery) -> None:
    for path in ("/autoload.js?bokeh-autoload-element=x", "/ws"):
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "x",
        }
        answer, text = await ask(closed, path, headers=headers if path == "/ws" else {})
        assert answer.status in (302, 403), text[:200]

    token = query.sign_in(UserRole.READER)
    answer, page = await ask(closed, "/", token)
    assert answer.status == 200
    assert token not in page, "no script reads the cookie, nor a copy of it in the page"
    match = re.search(r'"token":"([^"]+)"', page)
    assert match
    socket = {"protocols": ["bokeh", match[1]], "headers": {"Origin": url(closed, "")}}
    async with ClientSession() as session:
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(url(closed, "/ws"), **socket)
    async with ClientSession(cookies={SESSION_COOKIE: token}) as session:
        await (await session.ws_connect(url(closed, "/ws"), **socket)).close()


async def test_open_page_of_a_revoked_session_hears_nothing_more_and_is_told_to_leave(
    closed: Dashboard, query: FakeQuery
) -> None:
    token = query.sign_in(UserRole.READER)
    _, page = await ask(closed, "/", token)
    match = re.search(r'"token":"([^"]+)"', page)
    assert match
    async with ClientSession(cookies={SESSION_COOKIE: token}) as session:
        socket = await session.ws_connect(
            url(closed, "/ws"), protocols=["bokeh", match[1]], headers={"Origin": url(closed, "")}
        )
        assert token in closed.keeper._open
        query.sessions.clear()
        async with asyncio.timeout(10):
            async for message in socket:
                if "signed_out" in str(message.data):
                    break
        await socket.close()
    assert not closed.keeper._open
    async with asyncio.timeout(10):
        while len(closed.feed.hub):
            await asyncio.sleep(0.05)


async def test_while_nobody_can_be_asked_visitors_rights_remain_and_the_login_says_so(
    dashboard: Dashboard, query: FakeQuery
) -> None:
    token = query.sign_in()
    query.hold_back()

    assert (await ask(dashboard, "/", token))[0].status == 200
    assert (await ask(dashboard, "/ui/sun?day=2026-05-05", token))[0].status == 503
    assert (await ask(dashboard, "/verify", token))[0].status == 302
    answer, text = await post(dashboard)
    assert (answer.status, "Der Server antwortet nicht" in text) == (503, True)
    query.let_go()
    assert (await ask(dashboard, "/verify", token))[0].status == 200
