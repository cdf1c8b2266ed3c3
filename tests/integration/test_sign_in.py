"""People, passwords and sessions on a real database, as the dashboard asks for them and as an operator changes them."""

import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher

from proto.camera import Scope
from proto.errors import LastAdmin
from proto.user import UserRole, Who
from services.chassis.cameras import Cameras, hash_key
from services.chassis.database import Database, open_database
from services.chassis.passwords import Passwords
from services.chassis.sessions import Sessions
from services.chassis.settings import BackendSettings
from services.chassis.snapshot import open_snapshot
from services.chassis.users import Users
from services.query.app import create_app
from services.query.settings import QuerySettings
from tests.stack_fixture import RunningStack

pytestmark = pytest.mark.stack

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "vier bunte käfer"


@pytest.fixture
def env(backends: RunningStack) -> dict[str, str]:
    return {**backends.env, "KRABBEL_MONGO_DATABASE": f"t{uuid.uuid4().hex[:12]}"}


@pytest.fixture
async def database(env: dict[str, str]) -> AsyncIterator[Database]:
    async with open_database(BackendSettings.from_env(env)) as opened:
        await opened.ensure_indexes()
        yield opened
        await opened.client.drop_database(env["KRABBEL_MONGO_DATABASE"])


@pytest.fixture
async def users(database: Database) -> Users:
    users = Users(database)
    await users.add("Anna Käfer", UserRole.EDITOR, await Passwords(QUICK).hash(PASSWORD))
    return users


@pytest.fixture
async def query(env: dict[str, str], database: Database) -> AsyncIterator[TestClient]:
    settings = QuerySettings.from_env({**env, "KRABBEL_SIGN_IN_FAILURES": "3"})
    headers = {"Authorization": f"Bearer {env['KRABBEL_SERVICE_KEY']}"}
    async with TestClient(TestServer(create_app(settings)), headers=headers) as opened:
        yield opened


async def sign_in(query: TestClient, name: str, password: str, address: str = "1.2.3.4") -> tuple[int, dict]:
    body = {"name": name, "password": password, "address": address}
    async with query.post("/internal/sessions", json=body) as answer:
        return answer.status, await answer.json()


async def who(query: TestClient, *tokens: str) -> list[dict | None]:
    async with query.post("/internal/sessions/check", json={"tokens": tokens}) as answer:
        assert answer.status == 200
        return (await answer.json())["items"]


async def test_right_password_opens_a_session_that_ends_with_sign_out(
    query: TestClient, users: Users, database: Database
) -> None:
    status, opened = await sign_in(query, "ANNA KÄFER", PASSWORD)

    assert status == 201
    assert opened["who"] == {"name": "Anna Käfer", "role": "editor", "user_id": "anna käfer"}
    token = opened["token"]
    assert len(token) >= 43  # 256 bits
    assert await who(query, token, "unknown") == [opened["who"], None]
    stored = await database.sessions.find().to_list(None)
    assert [session["_id"] for session in stored] == [hash_key(token)]
    assert token not in str(stored)
    user = await database.users.find_one({})
    assert user is not None
    assert user["password"].startswith("$argon2id$v=19$m=65536,"), "brought up to date at the sign-in"

    async with query.delete("/internal/sessions", headers={"Krabbel-Session": token}) as answer:
        assert answer.status == 204
    assert await who(query, token) == [None]


@pytest.mark.parametrize("change", ["password", "role", "remove", "anew"])
async def test_session_ends_at_once_when_the_person_changes(
    query: TestClient, users: Users, database: Database, change: str
) -> None:
    _, opened = await sign_in(query, "anna käfer", PASSWORD)
    document = await users.document("anna käfer")
    assert document is not None

    if change == "password":
        await users.set_password("Anna Käfer", await Passwords(QUICK).hash("another one, longer"))
    elif change == "role":
        await users.set_role("Anna Käfer", UserRole.ADMIN)
    else:
        await users.remove("Anna Käfer")
    if change == "anew":
        await users.add("Anna Käfer", UserRole.EDITOR, await Passwords(QUICK).hash(PASSWORD))

    assert await who(query, opened["token"]) == [None]
    # And one that was being opened at that moment, with what was true before, is not valid either
    late = await Sessions(database, timedelta(hours=1), timedelta(days=1)).open(document)
    assert await who(query, late.token) == [None]


async def test_session_ends_unused_and_in_any_case_and_use_is_noted(users: Users, database: Database) -> None:
    sessions = Sessions(database, timedelta(hours=1), timedelta(hours=3))
    document = await users.document("anna käfer")
    assert document is not None
    token = (await sessions.open(document)).token

    async def moved(**hours: float) -> None:
        change = {name: datetime.now(UTC) + timedelta(hours=value) for name, value in hours.items()}
        await database.sessions.update_one({"_id": hash_key(token)}, {"$set": change})

    await moved(used_at=-0.9, expires_at=0.1)
    assert await sessions.known([token]) == [Who(name="Anna Käfer", role=UserRole.EDITOR, user_id="anna käfer")]
    session = await database.sessions.find_one({})
    assert session is not None
    assert session["expires_at"] > datetime.now(UTC) + timedelta(minutes=59)

    await moved(used_at=-0.9, expires_at=0.1, ends_at=0.5)
    assert await sessions.known([token]) != [None]
    session = await database.sessions.find_one({})
    assert session is not None
    assert session["expires_at"] == session["ends_at"], "never beyond its end"

    await moved(expires_at=-0.001)
    assert await sessions.known([token]) == [None]


async def test_too_many_wrong_passwords_stop_a_name_and_an_address_but_nobody_else(
    query: TestClient, users: Users
) -> None:
    await users.add("Berta", UserRole.READER, await Passwords(QUICK).hash(PASSWORD))
    answers = [await sign_in(query, name, "falsch") for name in ("Anna Käfer", "nobody", "anna käfer", "ANNA KÄFER")]
    assert {status for status, _ in answers} == {401}
    assert len({(answer["type"], answer["detail"]) for _, answer in answers}) == 1, "no answer tells which names exist"

    status, answer = await sign_in(query, "Anna Käfer", PASSWORD, "5.6.7.8")
    assert (status, answer["type"]) == (429, "urn:krabbel:problem:too-many-requests")

    assert (await sign_in(query, "Berta", PASSWORD))[0] == 201
    for name in ("nobody", "someone"):
        await sign_in(query, name, "falsch")
    assert (await sign_in(query, "Berta", PASSWORD))[0] == 429, "six from this address"
    assert (await sign_in(query, "Berta", PASSWORD, "5.6.7.8"))[0] == 201


async def change_password(query: TestClient, token: str, current: str, new: str) -> tuple[int, dict]:
    body = {"token": token, "current": current, "new": new, "address": "1.2.3.4"}
    async with query.post("/internal/sessions/password", json=body) as answer:
        return answer.status, await answer.json()


async def test_own_password_is_changed_by_who_knows_it_and_all_other_sessions_end(
    query: TestClient, users: Users
) -> None:
    (_, here), (_, elsewhere) = [await sign_in(query, "anna käfer", PASSWORD) for _ in range(2)]
    refused = await change_password(query, here["token"], PASSWORD, "anna käfer und ihr name")
    assert (refused[0], refused[1]["type"]) == (400, "urn:krabbel:problem:bad-request")

    status, opened = await change_password(query, here["token"], PASSWORD, "fünf sehr bunte käfer")

    assert status == 200
    assert await who(query, here["token"], elsewhere["token"], opened["token"]) == [None, None, opened["who"]]
    assert (await sign_in(query, "anna käfer", PASSWORD))[0] == 401
    assert (await sign_in(query, "anna käfer", "fünf sehr bunte käfer"))[0] == 201
    ended = await change_password(query, here["token"], "fünf sehr bunte käfer", PASSWORD)
    assert (ended[0], ended[1]["type"]) == (401, "urn:krabbel:problem:session-ended")


async def test_wrong_current_passwords_are_counted_with_those_of_the_sign_in(query: TestClient, users: Users) -> None:
    _, opened = await sign_in(query, "anna käfer", PASSWORD)
    assert [(await change_password(query, opened["token"], "falsch", "x" * 20))[0] for _ in range(4)] == [401] * 3 + [
        429
    ]
    assert (await sign_in(query, "anna käfer", PASSWORD))[0] == 429


async def test_who_signs_in_at_a_provider_has_no_password_to_change(query: TestClient) -> None:
    body = {"subject": "https://idp.example#1", "name": "Zoë", "role": "admin"}
    async with query.post("/internal/sessions/federated", json=body) as answer:
        token = (await answer.json())["token"]
    assert (await change_password(query, token, "", "fünf sehr bunte käfer"))[0] == 403


async def test_nobody_but_a_service_asks_for_sessions(query: TestClient, users: Users, database: Database) -> None:
    admin = await Cameras(database).issue_key(frozenset({Scope.ADMIN}), None, "an admin's")
    body = {"name": "Anna Käfer", "password": PASSWORD, "address": ""}
    for key in ("", "wrong", admin):
        for method, path in (("POST", ""), ("POST", "/check"), ("POST", "/password"), ("DELETE", "")):
            headers = {"Authorization": f"Bearer {key}"}
            async with query.request(method, f"/internal/sessions{path}", json=body, headers=headers) as answer:
                assert answer.status == 401
        async with query.get("/internal/people", headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 401


async def test_whom_a_provider_vouches_for_has_todays_role_and_meets_no_local_name(
    query: TestClient, users: Users, database: Database
) -> None:
    tokens = []
    for role in ("editor", "editor", "admin"):
        body = {"subject": "https://idp.example#1", "name": "Anna Käfer", "role": role}
        async with query.post("/internal/sessions/federated", json=body) as answer:
            assert answer.status == 201
            opened = await answer.json()
            assert datetime.fromisoformat(opened["ends_at"]) < datetime.now(UTC) + timedelta(hours=25)
            tokens.append(opened["token"])

    assert await who(query, *tokens) == [
        None,
        None,
        {"name": "Anna Käfer", "role": "admin", "user_id": "oidc:https://idp.example#1"},
    ], "a new role ends the old"
    assert [user.user_id for user in await users.all()] == ["anna käfer", "oidc:https://idp.example#1"]
    assert (await sign_in(query, "oidc:https://idp.example#1", ""))[0] == 401, "has no password here"
    await users.set_role("Anna Käfer", UserRole.ADMIN)  # else the last admin would go
    await users.remove("oidc:https://idp.example#1")
    assert await who(query, *tokens) == [None] * 3


async def test_what_cannot_be_read_is_refused_without_repeating_a_password(query: TestClient) -> None:
    async with query.post("/internal/sessions", json={"name": "anna", "password": "geheim" * 400}) as answer:
        assert answer.status == 400
        assert "geheim" not in await answer.text()


async def test_backup_holds_the_people_and_nobody_who_is_signed_in(
    query: TestClient, users: Users, database: Database
) -> None:
    assert (await sign_in(query, "anna käfer", PASSWORD))[0] == 201
    async with open_snapshot(database) as snapshot:
        kept = await snapshot.collections()
        assert "users" in kept
        assert "sessions" not in kept


async def of_people(query: TestClient, token: str, path: str = "", **body: str) -> tuple[int, dict]:
    sent = {"json": body} if body else {}
    async with query.request(
        "POST" if body else "GET", f"/internal/people{path}", headers={"Krabbel-Session": token}, **sent
    ) as answer:
        return answer.status, await answer.json() if answer.status != 204 else {}


async def test_admin_adds_changes_and_removes_people_but_neither_the_last_admin_nor_himself(
    query: TestClient, users: Users, database: Database
) -> None:
    await users.add("Olga", UserRole.ADMIN, await Passwords(QUICK).hash(PASSWORD))
    olga = (await sign_in(query, "olga", PASSWORD))[1]["token"]

    status, made = await of_people(query, olga, name="Max", role="editor")
    assert (status, made["name"]) == (201, "Max")
    assert (await of_people(query, olga, name="MAX", role="editor"))[1]["type"] == "urn:krabbel:problem:name-taken"
    assert (await of_people(query, olga, name=":", role="editor"))[1]["type"] == "urn:krabbel:problem:name-unfit"
    _, opened = await sign_in(query, "max", made["password"])
    assert opened["who"] == {"name": "Max", "role": "editor", "user_id": "max"}
    assert (await of_people(query, opened["token"]))[0] == 403, "an editor"
    _, again = await of_people(query, olga, "/password", user_id="max")
    assert await who(query, opened["token"]) == [None]
    assert (await sign_in(query, "max", again["password"]))[0] == 201
    _, listed = await of_people(query, olga)
    assert listed["you"] == "olga"
    assert [(one["user_id"], one["role"]) for one in listed["items"]] == [
        ("anna käfer", "editor"),
        ("max", "editor"),
        ("olga", "admin"),
    ]
    assert "argon2" not in str(listed)

    for path, more in (("/role", {"role": "reader"}), ("/remove", {}), ("/password", {})):
        status, refused = await of_people(query, olga, path, user_id="olga", **more)
        assert (status, refused["type"]) == (409, "urn:krabbel:problem:own-account")
    with pytest.raises(LastAdmin):
        await users.set_role("Olga", UserRole.EDITOR)
    with pytest.raises(LastAdmin):
        await users.remove("OLGA")
    assert (await of_people(query, olga, "/role", user_id="max", role="admin"))[0] == 204
    await users.set_role("Olga", UserRole.EDITOR)  # now there is another
    assert (await of_people(query, olga))[0] == 401, "a new role ends the session"

    boss = (await sign_in(query, "max", again["password"]))[1]["token"]
    assert (await of_people(query, boss, "/remove", user_id="olga"))[0] == 204
    assert (await of_people(query, boss, "/remove", user_id="olga"))[1]["type"] == "urn:krabbel:problem:user-not-found"


def krabbel(env: dict[str, str], *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "krabbel", "user", *arguments]
    return subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=60)


async def test_operator_adds_lists_changes_and_removes_people(
    env: dict[str, str], query: TestClient, database: Database
) -> None:
    env = {**env, "PATH": "/usr/bin:/bin"}
    assert krabbel(env, "add", "Zoë", "--role", "editor", "--stdin", stdin=PASSWORD + "\n").returncode == 0
    assert (await sign_in(query, "zoë", PASSWORD))[1]["who"]["role"] == "editor"

    twice = krabbel(env, "add", "ZOË", "--generate")
    assert (twice.returncode, "already" in twice.stderr) == (1, True)
    short = krabbel(env, "passwd", "Zoë", "--stdin", stdin="short\n")
    assert (short.returncode, "at least 12" in short.stderr) == (1, True)
    assert krabbel(env, "add", "Max").returncode == 1, "nobody is there to type a password"

    made = krabbel(env, "passwd", "zoë", "--generate").stdout.splitlines()[-1]
    assert (await sign_in(query, "Zoë", PASSWORD))[0] == 401
    assert (await sign_in(query, "Zoë", made))[0] == 201
    assert krabbel(env, "role", "zoë", "reader").returncode == 0
    listed = krabbel(env, "list").stdout
    assert "Zoë" in listed
    assert "reader" in listed
    assert krabbel(env, "remove", "zoë").returncode == 0
    assert krabbel(env, "remove", "zoë").returncode == 1
    assert (await sign_in(query, "Zoë", made))[0] == 401


async def test_first_admin_is_made_from_the_settings_once(env: dict[str, str], database: Database) -> None:
    users, hashed = Users(database), await Passwords(QUICK).hash(PASSWORD)

    assert await users.ensure_first_admin(hashed)
    assert not await users.ensure_first_admin(hashed)
    assert [(user.name, user.role) for user in await users.all()] == [("admin", UserRole.ADMIN)]
