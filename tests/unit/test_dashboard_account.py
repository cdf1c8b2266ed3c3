"""Another password for who is signed in: with a stand-in for the query service."""

import pytest

from proto.user import UserRole
from services.dashboard.app import Dashboard
from tests.support.fake_query import FakeQuery
from tests.unit.test_dashboard_sign_in import ask, cookie_of, dashboard, query, started, url

__all__ = ["dashboard", "query"]
PASSWORD, BETTER = "vier bunte käfer", " fünf bunte käfer  "
FORM = {"current": PASSWORD, "new": BETTER, "again": BETTER, "lang": "de"}


def anna(query: FakeQuery) -> str:
    token = query.sign_in(UserRole.READER, "Anna")
    query.passwords["anna"] = (PASSWORD, query.sessions[token])
    return token


async def post(dashboard: Dashboard, token: str, origin: str | None = "", **changed: str):
    headers = {"Origin": url(dashboard, "") if origin == "" else origin} if origin is not None else {}
    return await ask(dashboard, "/account", token, "POST", data=FORM | changed, headers=headers)


async def test_new_password_ends_all_sessions_of_before_and_this_browser_gets_a_new_one(
    dashboard: Dashboard, query: FakeQuery
) -> None:
    token, elsewhere = anna(query), query.sign_in(UserRole.READER, "Anna")
    _, page = await ask(dashboard, "/", token)
    assert 'href="/account?lang=de"' in page

    answer, _ = await post(dashboard, token)

    assert (answer.status, answer.headers["Location"]) == (303, "/account?lang=de&done=1")
    cookie = cookie_of(answer)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie.value not in (token, elsewhere)
    assert set(query.sessions) == {cookie.value}
    assert query.passwords["anna"][0] == BETTER, "as typed, blanks and all"
    assert "Das neue Passwort gilt" in (await ask(dashboard, "/account?done=1", cookie.value))[1]
    assert (await ask(dashboard, "/account", token))[0].status == 302, "at once, here"


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"current": "falsch"}, 401, "Das jetzige Passwort stimmt nicht."),
        ({"current": "falsch", "lang": "en"}, 401, "The present password is wrong."),
        ({"new": "kurz", "again": "kurz"}, 400, "mindestens 12 Zeichen"),
        ({"again": BETTER.strip()}, 400, "sind nicht gleich"),
        ({"current": "limited"}, 429, "Zu viele falsche Versuche"),
    ],
)
async def test_what_is_wrong_is_said_in_words_and_nothing_changes(
    dashboard: Dashboard, query: FakeQuery, changed: dict[str, str], status: int, said: str
) -> None:
    token = anna(query)

    answer, text = await post(dashboard, token, **changed)

    assert (answer.status, "Set-Cookie" in answer.headers) == (status, False)
    assert said in text
    assert not any(value in text for value in (PASSWORD, BETTER, "falsch<", 'value="kurz"'))
    assert (query.passwords["anna"][0], token in query.sessions) == (PASSWORD, True)


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
async def test_forms_of_other_sites_change_nothing(dashboard: Dashboard, query: FakeQuery, origin: str | None) -> None:
    token = anna(query)

    answer, text = await post(dashboard, token, origin)

    assert (answer.status, "kam nicht von einer Seite" in text) == (403, True)
    assert query.passwords["anna"][0] == PASSWORD


async def test_who_is_not_signed_in_or_not_any_more_is_sent_to_sign_in(dashboard: Dashboard, query: FakeQuery) -> None:
    assert (
        (await ask(dashboard, "/account?lang=en"))[0].headers["Location"].startswith("/login?lang=en&next=%2Faccount")
    )
    assert (await post(dashboard, ""))[0].headers["Location"] == "/login?lang=de&next=%2Faccount"
    token = anna(query)
    await ask(dashboard, "/account", token)

    query.sessions.clear()

    answer, _ = await post(dashboard, token)
    assert (answer.status, answer.headers["Location"]) == (303, "/login?lang=de&next=%2Faccount")


async def test_who_signs_in_at_a_provider_is_told_where_the_password_is(dashboard: Dashboard, query: FakeQuery) -> None:
    token = query.sign_in(UserRole.READER, "Zoe", "oidc:https://idp.example#1")

    for answer, text in (await ask(dashboard, "/account", token), await post(dashboard, token)):
        assert answer.status in (200, 403)
        assert "bei einem Anmeldedienst" in text
        assert 'type="password"' not in text


async def test_password_is_not_taken_without_tls_where_there_is_tls(query, monkeypatch) -> None:
    dashboard = await started(query, monkeypatch, public_url="https://krabbel.example.org")

    answer, text = await post(dashboard, anna(query))

    assert (answer.status, "nicht verschlüsselt" in text) == (403, True)
    assert query.passwords["anna"][0] == PASSWORD
    await dashboard.stop()
