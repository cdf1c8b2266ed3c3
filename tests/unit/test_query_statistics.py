"""Statistics from cells, by tables of cases."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.rollup_cells import Contribution, Increments, Tally, nested
from services.query import statistics
from services.query.statistics import Span

DAY = Span(date(2026, 7, 1), date(2026, 7, 1))
JULY = Span(date(2026, 7, 1), date(2026, 7, 31))


def tally_of(*contributions: Contribution, period: str = "2026-07") -> Tally:
    increments = Increments()
    for contribution in contributions:
        increments.change(None, contribution)
    tally = Tally()
    tally.add(nested(increments.by_document["*", period]) | {"period": period})
    return tally


def run(label: str = "bee", day: str = "2026-07-01", hour: int = 10, seconds: float | None = 5.0) -> Contribution:
    return Contribution("garden", day, hour, label, "sure", None if seconds is None else round(seconds * 1000))


@pytest.mark.parametrize(
    ("first", "last", "periods"),
    [
        ("2026-07-01", "2026-07-01", ["2026-07-01"]),
        ("2026-07-01", "2026-07-31", ["2026-07"]),
        ("2026-06-30", "2026-08-01", ["2026-06-30", "2026-07", "2026-08-01"]),
        ("2024-02-01", "2024-02-29", ["2024-02"]),
        ("2025-12-31", "2026-01-02", ["2025-12-31", "2026-01-01", "2026-01-02"]),
        ("9999-12-01", "9999-12-31", ["9999-12"]),
    ],
)
def test_a_span_is_made_of_months_and_days(first, last, periods):
    assert Span(date.fromisoformat(first), date.fromisoformat(last)).periods() == periods


@settings(deadline=None)  # two shared cores may pause for longer than any sensible deadline
@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 900))
def test_the_parts_of_a_span_are_its_days_once_each(first, length):
    span = Span(first, first + timedelta(days=length))
    days: list[str] = []
    every = [day.isoformat() for day in span.days()]
    for period in span.periods():
        if len(period) == 10:
            days.append(period)
        else:
            days += [day for day in every if day.startswith(period)]
    assert days == every
    assert set(span.months()) == {day[:7] for day in days}


def test_hours_are_always_24():
    rows = statistics.by_hour(DAY, tally_of(run(hour=10), run("none_bg", hour=10), run(hour=23)))
    assert len(rows) == 24
    assert rows[10] == {"hour": 10, "runs": 2, "insects": 1}
    assert sum(row["runs"] for row in rows) == 3


def test_classes_are_ordered_by_frequency_then_name():
    rows = statistics.by_class(DAY, tally_of(run("fly"), run("bee"), run("wasp"), run("wasp")))
    assert [(row["label"], row["share"]) for row in rows] == [("wasp", 0.5), ("bee", 0.25), ("fly", 0.25)]
    assert statistics.by_class(DAY, Tally()) == []


def test_days_of_a_span_include_the_quiet_ones_and_no_others():
    tally = tally_of(run(day="2026-07-02"), run(day="2026-07-09"))
    rows = statistics.by_day(Span(date(2026, 7, 1), date(2026, 7, 3)), tally)
    assert [(row["day"], row["runs"]) for row in rows] == [("2026-07-01", 0), ("2026-07-02", 1), ("2026-07-03", 0)]


def test_false_sightings_are_what_is_no_insect():
    assert statistics.totals(tally_of(run(), run("none_bird"), run("none_dirt"))) == {
        "runs": 3, "insects": 1, "false_sightings": 2,
    }  # fmt: skip


def test_durations_leave_out_what_is_doubted():
    tally = tally_of(run(seconds=2), run(seconds=4), run(seconds=None), run("fly", seconds=None))
    (row,) = statistics.durations(DAY, tally)
    assert (row["label"], row["runs"], row["mean_s"]) == ("bee", 2, 3.0)
    assert 1.9 <= row["median_s"] <= 4.3


def test_sightings_name_first_and_last_day():
    tally = tally_of(run(day="2026-07-02"), run(day="2026-07-20"), run("fly", day="2026-07-05"))
    assert [(row["label"], row["first_day"], row["last_day"]) for row in statistics.sightings(tally)] == [
        ("bee", "2026-07-02", "2026-07-20"), ("fly", "2026-07-05", "2026-07-05"),
    ]  # fmt: skip


def test_records_count_insects_and_take_the_first_of_equals():
    tally = tally_of(
        run(day="2026-07-02", hour=9), run(day="2026-07-02", hour=9), run(day="2026-07-03", hour=7),
        run(day="2026-07-03", hour=8), *(run("none_bg", day="2026-07-04") for _ in range(9)),
    )  # fmt: skip
    assert statistics.records(tally) == {
        "busiest_day": {"day": "2026-07-02", "insects": 2},
        "busiest_hour": {"day": "2026-07-02", "hour": 9, "insects": 2},
        "days_with_insects": 2,
    }
    assert statistics.records(Tally())["busiest_day"] is None


@pytest.mark.parametrize(
    ("day", "year_before"), [("2024-02-29", "2023-02-28"), ("2026-07-01", "2025-07-01"), ("2025-02-28", "2024-02-28")]
)
def test_a_day_is_compared_with_the_year_before(day, year_before):
    compared = statistics.compared_days(date.fromisoformat(day))
    assert compared["last_year"].isoformat() == year_before


def test_the_first_days_of_the_calendar_have_none_before():
    assert set(statistics.compared_days(date(1, 1, 1))) == {"day"}
