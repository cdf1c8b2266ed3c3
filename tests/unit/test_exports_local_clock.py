"""Quick stamps are those of Python's own date arithmetic."""

from datetime import UTC, datetime, timedelta

import pytest

from services.query.exports.event import moment_of, ms_of
from services.query.exports.item import stamp, zone_of
from services.query.exports.local_clock import KEPT, LocalClock

MOMENTS = (
    datetime(2026, 7, 1, 8, 0, 0, 999_000, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 59, 999_000, tzinfo=UTC),  # Berlin's clocks go on an hour after the next second
    datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 0, 0, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 1_000, tzinfo=UTC),
    datetime(1893, 3, 31, 23, 6, 31, tzinfo=UTC),  # Berlin changed from local mean time in the middle of a minute
    datetime(1893, 3, 31, 23, 6, 33, tzinfo=UTC),
    datetime(1971, 6, 1, tzinfo=UTC),  # Monrovia was 44 minutes and 30 seconds behind
    datetime(2099, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Kathmandu", "Africa/Monrovia", "America/St_Johns", "UTC"])
def test_stamps_are_those_of_the_calendar_in_any_zone_and_order(name: str):
    zone = zone_of(name)
    clock = LocalClock(zone)
    for moment in (*MOMENTS, *reversed(MOMENTS)):
        for step in range(0, 130, 13):
            at = moment + timedelta(seconds=step)
            assert clock.stamp(ms_of(at)) == stamp(at, zone), at


def test_a_clock_forgets():
    clock = LocalClock(zone_of("Europe/Berlin"))
    for minute in range(KEPT + 10):
        clock.stamp(minute * 60_000)
    assert len(clock._minutes) <= KEPT


def test_milliseconds_lead_back_to_the_moment():
    assert all(moment_of(ms_of(moment)) == moment for moment in MOMENTS)
