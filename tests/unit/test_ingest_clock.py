# ruff: noqa: DTZ001 - naive times are what traps send
"""From naive local times to UTC: ordinary days, both nights of the clock change, and clocks that are wrong."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.run import ClockFlag
from services.ingest.clock import parse_time, read_moment, read_times, zone_of

BERLIN = zone_of("Europe/Berlin")
LONG_AFTER = datetime(2026, 1, 1, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-15 10:00:00.123456", datetime(2024, 5, 15, 10, 0, 0, 123456)),
        ("2024-05-15 10:00:00", datetime(2024, 5, 15, 10)),
        ("2024-05-15T10:00:00", datetime(2024, 5, 15, 10)),
        ("2024-05-15T08:00:00Z", utc(2024, 5, 15, 8)),
        ("  2024-05-15 10:00:00 ", datetime(2024, 5, 15, 10)),
        ("2024-05-15_10-00-00-123456_ID17_crop.jpg", datetime(2024, 5, 15, 10, 0, 0, 123456)),
        ("2024-05-15_10-00-00", datetime(2024, 5, 15, 10)),
        ("2024-13-45_99-00-00", None),
        ("", None),
        ("None", None),
        ("gestern", None),
        ("2024-05-15\x00", None),
    ],
)
def test_times_are_read_as_traps_write_them(text: str, expected: datetime | None) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    ("start", "end", "duration", "received", "started_at", "ended_at", "flags"),
    [
        # an ordinary summer day: two hours ahead of UTC
        (
            "2024-05-15 10:00:00",
            "2024-05-15 10:00:09",
            "9",
            LONG_AFTER,
            utc(2024, 5, 15, 8),
            utc(2024, 5, 15, 8, 0, 9),
            (),
        ),
        # autumn, 02:30 happens twice; sent at once after the first time
        (
            "2024-10-27 02:30:00",
            "2024-10-27 02:30:09",
            "9",
            utc(2024, 10, 27, 0, 30, 10),
            utc(2024, 10, 27, 0, 30),
            utc(2024, 10, 27, 0, 30, 9),
            (ClockFlag.AMBIGUOUS,),
        ),
        # ... and after the second time
        (
            "2024-10-27 02:30:00",
            "2024-10-27 02:30:09",
            "9",
            utc(2024, 10, 27, 1, 30, 10),
            utc(2024, 10, 27, 1, 30),
            utc(2024, 10, 27, 1, 30, 9),
            (ClockFlag.AMBIGUOUS,),
        ),
        # ... sent a year later: the first, for want of better knowledge
        (
            "2024-10-27 02:30:00",
            "2024-10-27 02:30:09",
            "9",
            LONG_AFTER,
            utc(2024, 10, 27, 0, 30),
            utc(2024, 10, 27, 0, 30, 9),
            (ClockFlag.AMBIGUOUS,),
        ),
        # the run goes over the change: the clock says 02:59:50 to 02:00:10, the trap measured 20 s
        (
            "2024-10-27 02:59:50",
            "2024-10-27 02:00:10",
            "20",
            LONG_AFTER,
            utc(2024, 10, 27, 0, 59, 50),
            utc(2024, 10, 27, 1, 0, 10),
            (ClockFlag.AMBIGUOUS,),
        ),
        # an hour and nine seconds long, with the same face of the clock at both ends
        (
            "2024-10-27 02:30:00",
            "2024-10-27 02:30:09",
            "3609",
            LONG_AFTER,
            utc(2024, 10, 27, 0, 30),
            utc(2024, 10, 27, 1, 30, 9),
            (ClockFlag.AMBIGUOUS,),
        ),
        # only its end is ambiguous
        (
            "2024-10-27 01:59:00",
            "2024-10-27 02:01:00",
            "120",
            LONG_AFTER,
            utc(2024, 10, 26, 23, 59),
            utc(2024, 10, 27, 0, 1),
            (ClockFlag.AMBIGUOUS,),
        ),
        # spring, 02:30 does not exist: this clock was not put forward, 02:30 is the moment called 03:30
        (
            "2024-03-31 02:30:00",
            "2024-03-31 02:30:09",
            "9",
            LONG_AFTER,
            utc(2024, 3, 31, 1, 30),
            utc(2024, 3, 31, 1, 30, 9),
            (ClockFlag.NONEXISTENT,),
        ),
        # a run over the spring change, on a clock that was put forward: 20 s, not an hour
        (
            "2024-03-31 01:59:50",
            "2024-03-31 03:00:10",
            "20",
            LONG_AFTER,
            utc(2024, 3, 31, 0, 59, 50),
            utc(2024, 3, 31, 1, 0, 10),
            (),
        ),
        # with an offset nothing is to be guessed
        (
            "2024-10-27T02:30:00+01:00",
            "2024-10-27T02:30:09+01:00",
            "9",
            LONG_AFTER,
            utc(2024, 10, 27, 1, 30),
            utc(2024, 10, 27, 1, 30, 9),
            (),
        ),
    ],
)
def test_moments_of_ordinary_days_and_of_both_nights(
    start: str,
    end: str,
    duration: str,
    received: datetime,
    started_at: datetime,
    ended_at: datetime,
    flags: tuple[ClockFlag, ...],
) -> None:
    times = read_times(start, end, duration, BERLIN, received)

    assert (times.started_at, times.ended_at) == (started_at, ended_at)
    assert times.flags == flags
    assert times.sort_at == ended_at, "a night of the clock change is resolved, not doubted"


@pytest.mark.parametrize(
    ("start", "end", "duration", "flags"),
    [
        ("2024-05-15 10:00:09", "2024-05-15 10:00:00", "9", {ClockFlag.END_BEFORE_START}),
        ("2031-05-15 10:00:00", "2031-05-15 10:00:09", "9", {ClockFlag.FUTURE}),
        ("1970-01-01 00:00:03", "1970-01-01 00:00:12", "9", {ClockFlag.PAST}),
        ("2024-05-15 10:00:00", "2024-05-15 10:00:09", "-5", {ClockFlag.ABSURD_DURATION}),
        ("2024-05-15 10:00:00", "2024-05-15 10:00:09", "nan", {ClockFlag.ABSURD_DURATION}),
        ("2024-05-15 10:00:00", "2024-05-15 10:00:09", "viel", {ClockFlag.ABSURD_DURATION}),
        ("2024-05-15 10:00:00", "2024-05-18 10:00:00", "9", {ClockFlag.ABSURD_DURATION}),
        ("", "", "9", {ClockFlag.UNREADABLE}),
        ("kaputt", "2024-05-15 10:00:09", "9", {ClockFlag.UNREADABLE}),
        ("0001-01-01 00:00:00", "2024-05-15 10:00:09", "9", {ClockFlag.UNREADABLE}),
    ],
)
def test_doubtful_clocks_are_flagged_kept_and_sorted_by_receipt(
    start: str, end: str, duration: str, flags: set[ClockFlag]
) -> None:
    received = utc(2025, 6, 1, 22, 30)

    times = read_times(start, end, duration, BERLIN, received)

    assert set(times.flags) == flags
    assert times.sort_at == received
    assert (times.local_date, times.local_hour) == (date(2025, 6, 2), 0), "the day is the camera's"


def test_unreadable_start_is_reckoned_from_end_and_duration() -> None:
    times = read_times("", "2024-05-15 10:00:09", "9", BERLIN, LONG_AFTER)

    assert times.started_at == utc(2024, 5, 15, 8)


def test_missing_duration_is_reckoned_from_the_times() -> None:
    assert read_times("2024-05-15 10:00:00", "2024-05-15 10:00:09.5", None, BERLIN, LONG_AFTER).duration_s == 9.5


def test_time_of_a_crop_in_the_ambiguous_hour_is_the_one_near_its_run() -> None:
    near = utc(2024, 10, 27, 1, 30)

    assert read_moment("2024-10-27_02-30-05-000000_ID1_crop.jpg", BERLIN, near) == utc(2024, 10, 27, 1, 30, 5)


def test_unknown_zone_is_read_as_berlin() -> None:
    assert zone_of("Europe/Entenhausen").key == "Europe/Berlin"
    assert zone_of("../etc/passwd").key == "Europe/Berlin"


@given(
    start=st.one_of(st.text(max_size=40), st.datetimes().map(str)),
    end=st.one_of(st.text(max_size=40), st.datetimes().map(str)),
    duration=st.one_of(st.none(), st.text(max_size=10), st.floats(), st.integers().map(str)),
    received=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),
)
def test_no_clock_ever_refuses_an_insect(
    start: str, end: str, duration: str | float | None, received: datetime
) -> None:
    times = read_times(start, end, duration, BERLIN, received)

    assert times.started_at.tzinfo is not None
    assert times.ended_at.tzinfo is not None
    assert abs(times.sort_at - received) <= timedelta(days=366 * 30)


@given(moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), seconds=st.integers(0, 4000))
def test_a_correct_clock_that_sends_at_once_is_always_read_right(moment: datetime, seconds: int) -> None:
    """Whatever night it is: a trap whose clock follows the law and that sends at once gets its true times back."""
    started_at = moment.replace(tzinfo=UTC)
    ended_at = started_at + timedelta(seconds=seconds)
    spoken = [str(instant.astimezone(BERLIN).replace(tzinfo=None)) for instant in (started_at, ended_at)]

    times = read_times(spoken[0], spoken[1], str(seconds), BERLIN, ended_at + timedelta(seconds=1))

    assert (times.started_at, times.ended_at) == (started_at, ended_at)
