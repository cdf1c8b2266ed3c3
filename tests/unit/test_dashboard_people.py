"""What admins change of people, passed on: with a stand-in for the query service."""

import json

import pytest

from proto.user import UserRole
from services.dashboard.app import Dashboard
from tests.support.fake_query import FakeQuery
from tests.unit.test_dashboard_sign_in import ask, dashboard, query, url

__all__ = ["dashboard", "query"]
PATH = "/ui/api/people"


async def post(dashboard: Dashboard, path: str, token: str, body: dict[str, str], **headers: str):
    own = {"X-Krabbel-Page": "1", "Origin": url(dashboard, "")} | headers
    return await ask(dashboard, PATH + path, token, "POST", json=body, headers=own)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", {"name": "Max", "role": "editor"}, 201),
        ("/password", {"user_id": "max"}, 200),
        ("/role", {"user_id": "oidc:https://idp.example/x#1", "role": "admin"}, 204),
        ("/remove", {"user_id": "max"}, 204),
        ("/remove", {"user_id": "olga"}, 409),
    ],
)
async def test_change_goes_to_the_query_service_with_who_asks_and_its_answer_is_kept_nowhere(
    dashboard: Dashboard, query: FakeQuery, path: str, body: dict[str, str], status: int
) -> None:
    answer, text = await post(dashboard, path, query.sign_in(UserRole.ADMIN, "Olga"), body)

    assert (answer.status, answer.headers["Cache-Control"]) == (status, "no-store")
    assert query.people_asked == [(path, "olga", body)]
    if status in (200, 201):
        assert json.loads(text)["password"] == "made"
    if status == 409:
        assert json.loads(text)["type"] == "urn:krabbel:problem:own-account"


async def test_nobody_but_an_admin_and_no_other_site_gets_through(dashboard: Dashboard, query: FakeQuery) -> None:
    admin, editor = query.sign_in(), query.sign_in(UserRole.EDITOR)
    assert (await ask(dashboard, PATH, admin))[0].status == 200
    for token in ("", editor):
        assert (await ask(dashboard, PATH, token))[0].status == 403
        assert (await post(dashboard, "", token, {"name": "Max"}))[0].status == 403
    assert (await post(dashboard, "/remove", admin, {"user_id": "max"}, Origin="http://evil.example"))[0].status == 403
    assert (await ask(dashboard, PATH + "/remove", admin, "POST", json={"user_id": "max"}))[0].status == 403
    assert (await post(dashboard, "/other", admin, {"user_id": "max"}))[0].status == 404
    assert query.people_asked == []


async def test_query_service_that_is_away_is_said(dashboard: Dashboard, query: FakeQuery) -> None:
    admin = query.sign_in()
    assert (await ask(dashboard, PATH, admin))[0].status == 200
    query.hold_back()

    assert (await ask(dashboard, PATH, admin))[0].status == 503
    query.let_go()
