"""Keys: who may in, and who may not any more."""

from datetime import UTC, datetime

import pytest

from proto.camera import ApiKey, Scope
from proto.errors import NotAllowed, NotAuthenticated
from services.chassis.auth import KeyRing, Principal
from services.chassis.cameras import hash_key, new_key, slug

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def ring(*keys: ApiKey, fixed=()) -> KeyRing:
    made = KeyRing(None, fixed)
    made.replace(keys)
    return made


def stored(key: str, **changes) -> ApiKey:
    fields = {"key_hash": hash_key(key), "scopes": {Scope.UPLOAD}, "camera_id": "garden", "created_at": NOW}
    return ApiKey.model_validate(fields | changes)


def test_a_stored_key_opens_as_its_camera():
    assert ring(stored("secret")).check("secret").camera_id == "garden"


@pytest.mark.parametrize("key", [None, "", "wrong", "secre", "secret ", "sécret", "\udcff"])
def test_everything_else_stays_out(key):
    with pytest.raises(NotAuthenticated):
        ring(stored("secret")).check(key)


def test_a_revoked_key_stays_out():
    with pytest.raises(NotAuthenticated):
        ring(stored("secret", revoked_at=NOW)).check("secret")


def test_keys_from_the_settings_work_before_the_database_has_answered():
    one = KeyRing(None, [("from-env", Principal("env", frozenset({Scope.READ})))])
    assert one.check("from-env").name == "env"


def test_a_key_does_only_what_its_scopes_say_and_admin_does_all():
    principal = ring(stored("secret")).check("secret")
    principal.require(Scope.UPLOAD)
    with pytest.raises(NotAllowed, match="read"):
        principal.require(Scope.READ)
    Principal("boss", frozenset({Scope.ADMIN})).require(Scope.VERIFY)


def test_a_key_of_one_camera_never_administers_the_system():
    Principal("boss", frozenset({Scope.ADMIN})).require_administrator()
    with pytest.raises(NotAllowed, match="garden"):
        Principal("trap", frozenset({Scope.ADMIN}), "garden").require_administrator()
    with pytest.raises(NotAllowed, match="admin"):
        Principal("reader", frozenset({Scope.READ})).require_administrator()


async def test_the_last_use_of_a_key_is_written_once_a_minute_and_never_for_a_wrong_one():
    class Written(list):
        async def keys_used(self, used):
            self.append(dict(used))

    written = Written()
    keys = KeyRing(written)
    keys.replace([stored("secret")])
    with pytest.raises(NotAuthenticated):
        keys.check("wrong")
    await keys.note_uses()
    assert written == []
    for _ in range(3):
        keys.check("secret")
        await keys.note_uses()
    assert [list(used) for used in written] == [[hash_key("secret")]]


def test_new_keys_differ_and_no_key_can_be_read_from_its_hash():
    first, second = new_key(), new_key()
    assert first != second
    assert len(first) > 40
    assert first not in hash_key(first)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Redaktionsgarten", "redaktionsgarten"),
        ("Bär & Söhne, Straße 7", "baer-soehne-strasse-7"),
        ("  ", "camera"),
        ("日本", "camera"),
        ("x" * 100, "x" * 64),
    ],
)
def test_camera_ids_are_plain(name, expected):
    assert slug(name) == expected


class _Stored:
    """Stands for the database: one key, issued a moment ago."""

    def __init__(self, *keys: ApiKey) -> None:
        self.keys = {key.key_hash: key for key in keys}

    async def key(self, key_hash: str) -> ApiKey | None:
        return self.keys.get(key_hash)


async def test_a_key_works_from_the_moment_at_which_the_operator_sees_it():
    fresh = KeyRing(_Stored(stored("issued just now")))
    assert (await fresh.admit("issued just now")).camera_id == "garden"


@pytest.mark.parametrize("key", [None, "", "wrong", "revoked"])
async def test_looking_up_a_key_lets_nobody_else_in(key):
    with pytest.raises(NotAuthenticated):
        await KeyRing(_Stored(stored("revoked", revoked_at=NOW))).admit(key)
