"""Passwords, and the window in which too many wrong ones stop everybody."""

import asyncio

import pytest
from argon2 import PasswordHasher

from proto.errors import BadRequest
from proto.user import SHORTEST_PASSWORD
from services.chassis import failures as failures_module
from services.chassis.failures import Failures
from services.chassis.passwords import Passwords, acceptable, generated

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def test_only_the_password_itself_matches_and_only_a_hash_is_kept() -> None:
    passwords = Passwords(QUICK)
    stored = await passwords.hash("vier bunte käfer")

    assert stored.startswith("$argon2id$")
    assert "käfer" not in stored
    assert await passwords.matches(stored, "vier bunte käfer")
    for wrong in ("vier bunte kafer", "", "vier bunte käfer ", "\udcff"):
        assert not await passwords.matches(stored, wrong)


async def test_name_that_nobody_has_costs_the_same_work_and_never_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, worked = Passwords(QUICK), []
    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *given: worked.append(given[1]) or verify(*given))
    stored = await passwords.hash("vier bunte käfer")

    assert not await passwords.matches(None, "vier bunte käfer")
    assert not await passwords.matches(stored, "falsch")
    assert not await passwords.matches("no hash at all", "falsch")

    assert len(worked) == 3
    assert worked[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")


async def test_hash_of_weaker_days_is_found() -> None:
    stored = await Passwords(QUICK).hash("vier bunte käfer")

    assert Passwords().is_outdated(stored)
    assert not Passwords(QUICK).is_outdated(stored)


async def test_many_at_once_wait_for_each_other() -> None:
    passwords = Passwords(QUICK)
    stored = await passwords.hash("vier bunte käfer")

    assert all(await asyncio.gather(*(passwords.matches(stored, "vier bunte käfer") for _ in range(20))))


@pytest.mark.parametrize(
    "password", ["short", "x" * (SHORTEST_PASSWORD - 1), "x" * 1025, "aaaaaaaaaaaaaaaa", "Redakteur-2026"]
)
def test_password_that_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(BadRequest):
        acceptable(password, "redakteur")


def test_generated_password_is_acceptable_and_new_each_time() -> None:
    made = {generated() for _ in range(50)}

    assert len(made) == 50
    assert all(acceptable(password, "admin") and len(password.replace("-", "")) == 30 for password in made)


def test_window_of_failures_slides_and_a_right_attempt_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(failures_module.time, "monotonic", lambda: now[0])
    failures = Failures(3, 60)
    for _ in range(3):
        assert failures.wait_s("anna") == 0
        failures.note("anna")
        now[0] += 10

    assert failures.wait_s("anna") == pytest.approx(30)
    assert failures.wait_s("berta") == 0
    now[0] += 31
    assert failures.wait_s("anna") == 0

    failures.note("anna")
    assert failures.wait_s("anna") > 0
    failures.take_back("anna")
    assert failures.wait_s("anna") == 0


def test_window_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures_module, "MOST_KEYS", 5)
    failures = Failures(1, 60)
    for number in range(20):
        failures.note(str(number))

    assert len(failures._moments) == 5
    assert failures.wait_s("19") > 0
