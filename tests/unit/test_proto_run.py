"""Ids of runs, and keys of their pictures."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from proto.base import Contract, UtcDatetime
from proto.run import object_key_of, run_id_of

A, B = "a" * 64, "b" * 64


def test_same_upload_gets_the_same_id_whatever_the_order_and_repetition_of_its_images():
    assert run_id_of("garden", "17", "s", "e", [A, B]) == run_id_of("garden", "17", "s", "e", [B, A, A])


@pytest.mark.parametrize(
    "other",
    [
        ("meadow", "17", "s", "e", [A]),
        ("garden", "18", "s", "e", [A]),
        ("garden", "17", "t", "e", [A]),
        ("garden", "17", "s", "f", [A]),
        ("garden", "17", "s", "e", [B]),
        ("garden", "17", "s", "e", [A, B]),
    ],
)
def test_anything_else_about_the_run_changes_its_id(other):
    assert run_id_of("garden", "17", "s", "e", [A]) != run_id_of(*other)


def test_object_key_holds_run_and_content_and_nothing_of_the_client():
    assert object_key_of("f" * 32, A, "image/jpeg") == f"runs/{'f' * 32}/{A}.jpg"


class _Moment(Contract):
    at: UtcDatetime


def test_moments_are_utc_and_naive_ones_are_read_as_utc():
    berlin_summer = timezone(timedelta(hours=2))
    assert _Moment(at=datetime(2026, 7, 1, 12, tzinfo=berlin_summer)).at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert _Moment(at=datetime(2026, 7, 1, 12)).at == datetime(2026, 7, 1, 12, tzinfo=UTC)  # noqa: DTZ001


def test_contracts_ignore_unknown_fields_and_cannot_be_changed():
    moment = _Moment.model_validate({"at": "2026-07-01T10:00:00Z", "added_by_a_newer_version": 1})
    with pytest.raises(ValidationError, match="frozen"):
        moment.at = datetime(2027, 1, 1, tzinfo=UTC)
