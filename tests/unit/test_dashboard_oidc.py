"""Signing in at an identity provider: what it says is believed when it is signed, for us, for this browser and now."""

import re
import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey

from proto.errors import NotAllowed
from proto.user import UserRole
from services.dashboard.app import Dashboard
from services.dashboard.oidc import IdentityProvider, parse_roles, role_for
from services.dashboard.roles import SESSION_COOKIE
from tests.support.fake_query import FakeQuery
from tests.support.identity_provider import CLIENT, SECRET, Provider
from tests.unit.test_dashboard_sign_in import ask, query, started

__all__ = ["query"]

ROLES = "anna@example.org=admin @example.org=editor, chief@other.example=reader"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    await provider.start()
    yield provider
    await provider.stop()


@pytest.fixture
async def dashboard(query: FakeQuery, provider: Provider, monkeypatch) -> AsyncIterator[Dashboard]:
    dashboard = await started(
        query, monkeypatch, oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET,
        oidc_roles=ROLES, oidc_name="Verlag", public_url="https://krabbel.example.org",
    )  # fmt: skip
    yield dashboard
    await dashboard.stop()


async def go_out(dashboard: Dashboard, wanted: str = "/verify") -> tuple[str, str]:
    """Return the provider's address and the cookie with which the browser comes back."""
    answer, _ = await ask(dashboard, f"/login/oidc?next={wanted}")
    assert answer.status == 302
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["krabbel_sign_in"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    return answer.headers["Location"], f"krabbel_sign_in={cookie.value}"


async def come_back(dashboard: Dashboard, address: str, cookie: str):
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "krabbel.example.org", "/login/oidc/back")
    return await ask(dashboard, f"{parts.path}?{parts.query}", headers={"Cookie": cookie})


async def test_whom_the_provider_vouches_for_is_in_with_the_role_of_the_address(dashboard, provider, query) -> None:
    _, page = await ask(dashboard, "/login?lang=de&next=/verify")
    assert re.search(r'href="/login/oidc\?lang=de&amp;next=%2Fverify">Anmelden mit Verlag<', page)
    address, cookie = await go_out(dashboard)
    assert address.startswith(f"{provider.issuer}/go?x=1&")

    answer, text = await come_back(dashboard, provider.agree(address), cookie)

    assert (answer.status, answer.headers["Location"]) == (303, "/verify"), text
    session = SimpleCookie()
    for header in answer.headers.getall("Set-Cookie"):
        session.load(header)
    assert session[SESSION_COOKIE]["secure"]
    assert session["krabbel_sign_in"].value == "", "the way back is gone once"
    assert query.sessions[session[SESSION_COOKIE].value].role is UserRole.ADMIN
    assert (await ask(dashboard, "/verify", session[SESSION_COOKIE].value))[0].status == 200
    assert query.federated == [f"{provider.issuer}#4711"]


STRANGE = RSAKey.generate_key(2048, parameters={"kid": "one"})


@pytest.mark.parametrize(
    "lies",
    [
        {"aud": "another"},
        {"aud": ["another", CLIENT]},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"email_verified": False},
        {"email_verified": None},
        {"email": "anna@example.org.evil.example"},
        {"email": "anna@example.org@evil.example"},
        {"email": None},
    ],
    ids=str,
)
async def test_word_that_is_not_for_us_or_not_now_opens_nothing(dashboard, provider, query, lies) -> None:
    provider.lies = lies
    address, cookie = await go_out(dashboard)

    answer, text = await come_back(dashboard, provider.agree(address), cookie)

    assert (answer.status, "named nobody" in text or "niemanden genannt" in text) == (403, True)
    assert not query.sessions


async def test_word_that_another_signed_opens_nothing(dashboard, provider, query) -> None:
    provider.signs_with = STRANGE
    address, cookie = await go_out(dashboard)
    assert (await come_back(dashboard, provider.agree(address), cookie))[0].status == 403

    # by a shared secret, which might be our own public key taken for one
    provider.signs_with, provider.algorithm = OctKey.import_key(b"x" * 64), "HS256"
    address, cookie = await go_out(dashboard)
    assert (await come_back(dashboard, provider.agree(address), cookie))[0].status == 403
    assert not query.sessions


async def test_new_key_of_the_provider_is_found(dashboard, provider, query) -> None:
    for _ in range(2):
        address, cookie = await go_out(dashboard)
        assert (await come_back(dashboard, provider.agree(address), cookie))[0].status == 303
        provider.key = provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "two"})


async def test_only_the_browser_that_went_out_comes_back_and_once(dashboard, provider, query) -> None:
    address, cookie = await go_out(dashboard)
    other_address, other_cookie = await go_out(dashboard)
    back = provider.agree(address)
    for strange in ("", other_cookie, "krabbel_sign_in=x", cookie[:-4] + "aaaa"):
        assert (await come_back(dashboard, back, strange))[0].status == 403
    assert not query.sessions

    assert (await come_back(dashboard, back, cookie))[0].status == 303
    query.sessions.clear()
    assert (await come_back(dashboard, back, cookie))[0].status == 403
    assert not query.sessions
    refused = f"{urlsplit(other_address).scheme and 'https://krabbel.example.org/login/oidc/back'}?error=access_denied"
    assert (await come_back(dashboard, refused, other_cookie))[0].status == 403


async def test_provider_that_is_away_is_said(dashboard, provider) -> None:
    await provider.stop()

    answer, text = await ask(dashboard, "/login/oidc?lang=en")

    assert (answer.status, "does not answer just now" in text) == (503, True)


async def test_without_a_provider_nothing_of_it_is_there(query, monkeypatch) -> None:
    dashboard = await started(query, monkeypatch)
    assert (await ask(dashboard, "/login/oidc"))[0].status == 404
    assert "/login/oidc" not in (await ask(dashboard, "/login"))[1]
    await dashboard.stop()


def test_addresses_go_before_domains_and_nothing_else_counts() -> None:
    roles = parse_roles(ROLES)

    def of(email: str) -> UserRole:
        return role_for({"email": email, "email_verified": True}, roles)

    assert of("ANNA@example.ORG") is UserRole.ADMIN
    assert of("berta@example.org") is UserRole.EDITOR
    assert of("chief@other.example") is UserRole.READER
    for stranger in ("berta@other.example", "berta@sub.example.org", "@example.org@evil.example", "", "example.org"):
        with pytest.raises(NotAllowed):
            of(stranger)


@pytest.mark.parametrize("text", ["anna=admin", "anna@example.org", "anna@example.org=chief", "=admin"])
def test_wrong_rules_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError):
        parse_roles(text)


def test_provider_without_tls_is_refused() -> None:
    with pytest.raises(ValueError):
        IdentityProvider("http://idp.example.org", CLIENT, SECRET, "https://krabbel.example.org/login/oidc/back")
