"""The arithmetic of counting: adding, taking away, and the same thing twice."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.classification import Certainty
from proto.run import ClockFlag
from services.chassis.completion import plan_completions
from services.chassis.rollup_cells import (
    ALL,
    Contribution,
    Increments,
    Tally,
    bucket_bounds_s,
    bucket_of,
    field_of,
    label_of,
    median_s,
)
from services.chassis.runs import to_document
from tests.support.seeds import a_run, a_verdict

BEE = Contribution("garden-1", "2026-07-01", 10, "bee", "sure", 5000)
FLY = Contribution("garden-1", "2026-07-01", 10, "fly", "unclear", 5000)


def as_dict(increments: Increments) -> dict[tuple[str, str], dict[str, int]]:
    return {(camera, period): changes for camera, period, changes in increments.updates()}


def test_a_run_counts_in_its_day_and_month_of_its_camera_and_of_all():
    increments = Increments()
    increments.change(None, BEE)
    counted = as_dict(increments)
    assert set(counted) == {(camera, period) for camera in ("garden-1", ALL) for period in ("2026-07-01", "2026-07")}
    assert counted["garden-1", "2026-07-01"] == {
        "runs.bee": 1, "hours.bee.10": 1, "certainty.bee.sure": 1, "time.bee.runs": 1, "time.bee.ms": 5000,
        f"durations.bee.{bucket_of(5000)}": 1,
    }  # fmt: skip
    assert counted[ALL, "2026-07"]["days.bee.01"] == 1
    assert counted[ALL, "2026-07"]["insect_hours.01.10"] == 1


def test_the_same_again_is_nothing():
    increments = Increments()
    increments.change(BEE, BEE)
    assert as_dict(increments) == {}


def test_there_and_back_is_nothing():
    increments = Increments()
    increments.change(BEE, FLY)
    increments.change(FLY, BEE)
    assert as_dict(increments) == {}


def test_a_doubted_duration_is_not_averaged():
    run = to_document(a_run(1, duration_s=4.0, clock_flags=(ClockFlag.ABSURD_DURATION,)))
    run["result"] = {"label": "bee", "certainty": "sure"}
    counted = Contribution.of(run)
    assert counted is not None
    assert counted.duration_ms is None


def test_a_run_without_result_counts_nothing():
    assert Contribution.of(to_document(a_run(1))) is None


def test_a_verdict_delivered_twice_is_planned_once():
    run = a_run(1)
    first = a_verdict(run, at=datetime(2026, 7, 1, 9, tzinfo=UTC))
    again = a_verdict(run, at=datetime(2026, 7, 1, 10, tzinfo=UTC))
    plan = plan_completions({run.run_id: to_document(run)}, [first, again])
    assert plan.changes[run.run_id]["classified_at"] == first.result.classified_at
    assert as_dict(plan.increments)[ALL, "2026-07-01"]["runs.bee"] == 1


def test_two_verdicts_on_one_run_leave_the_last():
    run = a_run(1)
    verdicts = [a_verdict(run, "bee"), a_verdict(run, "fly", model="demo@2", certainty=Certainty.UNCLEAR)]
    plan = plan_completions({run.run_id: to_document(run)}, verdicts)
    day = as_dict(plan.increments)[ALL, "2026-07-01"]
    assert "runs.bee" not in day
    assert day["runs.fly"] == 1
    assert len(plan.verdicts) == 2


def test_a_verdict_on_an_unknown_run_is_passed_over():
    plan = plan_completions({}, [a_verdict(a_run(1))])
    assert not plan.verdicts
    assert not plan.changes


@settings(deadline=None)
@given(st.text(max_size=30))
def test_every_class_name_comes_back_from_its_field(label):
    name = field_of(label)
    assert label_of(name) == label
    assert name
    assert not set(name) & {".", "$", "\0"}


@settings(deadline=None)
@given(st.lists(st.integers(0, 3_600_000), min_size=1, max_size=60))
def test_median_is_within_its_bucket(durations):
    histogram: dict[int, int] = {}
    for duration in durations:
        histogram[bucket_of(duration)] = histogram.get(bucket_of(duration), 0) + 1
    lower, upper = (sorted(durations)[rank] for rank in ((len(durations) - 1) // 2, len(durations) // 2))
    least, greatest = (
        sum(pair) / 2 for pair in zip(*map(bucket_bounds_s, map(bucket_of, (lower, upper))), strict=True)
    )
    found = median_s(histogram)
    assert found is not None
    assert least - 1e-6 <= found <= greatest + 1e-6


def test_median_of_two_lies_between_them():
    assert median_s({bucket_of(3_400): 1, bucket_of(16_000): 1}) == pytest.approx(9.7, rel=0.05)


def test_median_of_nothing_is_none():
    assert median_s({}) is None


def test_zeros_left_behind_are_not_shown():
    tally = Tally()
    tally.add({"period": "2026-07", "runs": {"bee": 0, "fly": 2}, "days": {"fly": {"01": 2, "02": 0}}})
    assert dict(tally.runs) == {"fly": 2}
    assert dict(tally.days["fly"]) == {"2026-07-01": 2}


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1000, 86_400_000])
def test_a_duration_lies_in_its_bucket(milliseconds):
    least, greatest = bucket_bounds_s(bucket_of(milliseconds))
    assert least - 1e-6 <= milliseconds / 1000 < greatest
