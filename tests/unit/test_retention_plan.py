"""Which pictures go, and which never do. Without a database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.errors import BadRequest
from proto.retention import PicturesGone, RetentionRule, RetentionRules
from proto.run import RunStatus, TrackingRun
from proto.verification import Verdict, Verification
from services.chassis.reclassification import Order, OrderState
from services.chassis.retention import parse_rules
from services.chassis.retention_plan import (
    Busy,
    Decision,
    Totals,
    decide_by_age,
    decide_by_space,
    doomed_keys,
    has_any_rule,
    least_days,
    next_class,
    shortage,
)
from tests.support.seeds import a_run, a_verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOBODY = Busy()
GB = 10**9


def classified(label: str = "bee", *, age_days: float = 100.0, images: int = 3, number: int = 1) -> TrackingRun:
    run = a_run(number, at=NOW - timedelta(days=age_days), images=images)
    result = a_verdict(run, label).result
    return run.model_copy(update={"status": RunStatus.CLASSIFIED, "result": result})


def by_age(run: TrackingRun, busy: Busy = NOBODY, **rules: Any) -> Decision | None:
    return decide_by_age(run, RetentionRules(**rules), NOW, busy)


def word(label: str = "none_dirt") -> Verification:
    return Verification(label=label, is_insect=False, verdict=Verdict.CORRECTED, verified_by="Maja", verified_at=NOW)


def an_order(**fields: Any) -> Order:
    given = {"order_id": "o", "model_id": "m@1", "total": 1, "state": OrderState.PAUSED, "started_at": NOW}
    return Order(**{**given, **fields})


def test_without_a_rule_nothing_ever_goes():
    assert not has_any_rule(RetentionRules())
    assert by_age(classified("none_bg", age_days=10_000)) is None
    assert least_days("none_bg", RetentionRules()) is None


@pytest.mark.parametrize(
    ("label", "rules", "rule"),
    [
        ("none_bg", {"false_sightings_days": 90}, RetentionRule.FALSE_SIGHTINGS),
        ("none_bg", {"insects_days": 90}, None),
        ("bee", {"false_sightings_days": 90}, None),
        ("bee", {"insects_days": 90}, RetentionRule.INSECTS),
        ("bee", {"insects_days": 101}, None),
        ("bee", {"insects_days": 500, "class_days": {"bee": 100}}, RetentionRule.CLASS),
        ("bee", {"insects_days": 1, "class_days": {"bee": None}}, None),
        ("bee", {"insects_days": 1, "class_days": {"bee": 101}}, None),
        ("bee", {"keep_best_picture_days": 100}, RetentionRule.BEST_PICTURE),
        ("bee", {"keep_best_picture_days": 1, "class_days": {"bee": None}}, None),
        ("bee", {"keep_best_picture_days": 10, "insects_days": 100}, RetentionRule.INSECTS),
    ],
)
def test_the_rule_of_the_class_comes_before_that_of_all(label: str, rules: dict[str, Any], rule: RetentionRule | None):
    decision = by_age(classified(label), **rules)
    assert (decision.rule if decision else None) is rule


def test_the_age_counts_from_when_we_got_it_not_from_when_it_was_taken():
    old = classified("none_bg", age_days=3000)
    imported = old.model_copy(update={"received_at": NOW - timedelta(days=1)})
    assert by_age(old, false_sightings_days=30) is not None
    assert by_age(imported, false_sightings_days=30) is None


@pytest.mark.parametrize("status", [RunStatus.RECEIVED, RunStatus.QUEUED, RunStatus.FAILED])
def test_what_is_not_classified_stays(status: RunStatus):
    assert by_age(classified("none_bg").model_copy(update={"status": status}), false_sightings_days=1) is None


def test_what_somebody_works_on_stays():
    run = classified("none_bg")
    assert by_age(run, Busy(frozenset({run.run_id})), false_sightings_days=1) is None
    assert by_age(run, Busy(orders=(an_order(),)), false_sightings_days=1) is None
    for order in (
        an_order(camera_id="elsewhere"),
        an_order(from_day=date(2026, 11, 1)),
        an_order(to_day=date(2026, 1, 1)),
        an_order(started_at=NOW - timedelta(days=200)),
    ):
        assert by_age(run, Busy(orders=(order,)), false_sightings_days=1) is not None


def test_the_best_picture_stays_and_goes_later_by_the_other_rule():
    run = classified("bee", images=3)
    assert run.result is not None
    first = by_age(run, keep_best_picture_days=30)
    assert first is not None
    assert first.kept == (run.result.best_image,)
    assert (first.pictures, first.byte_size) == (2, 200)
    gone = PicturesGone(at=NOW, rule=first.rule, why=first.why, pictures=2, byte_size=200, kept=first.kept)
    reduced = run.model_copy(update={"pictures_gone": gone})
    assert by_age(reduced, keep_best_picture_days=30) is None
    last = by_age(reduced, keep_best_picture_days=30, insects_days=90)
    assert last is not None
    assert (last.rule, last.kept, last.pictures) == (RetentionRule.INSECTS, (), 1)


def test_only_a_runs_own_objects_go_and_the_kept_ones_do_not():
    run = classified("bee", images=3)
    shared = run.images[1].model_copy(update={"object_key": "runs/" + "f" * 32 + "/other.jpg"})
    run = run.model_copy(update={"images": (run.images[0], shared, run.images[2])})
    kept = run.images[0].sha256
    gone = PicturesGone(at=NOW, rule=RetentionRule.CLASS, why="", pictures=2, byte_size=2, kept=(kept,))
    left = doomed_keys(run.model_copy(update={"pictures_gone": gone}))
    assert left == sorted([run.images[2].object_key, f"sheets/{run.run_id}.webp"])
    without = gone.model_copy(update={"thumbnail_kept": False})
    assert f"thumbs/{run.run_id}.webp" in doomed_keys(run.model_copy(update={"pictures_gone": without}))
    assert doomed_keys(run) == []


def test_the_last_days_pictures_stay_however_full_the_disk():
    rules = RetentionRules(min_free_bytes=GB)
    for age_days, goes in ((0.5, False), (1.5, True)):
        run = classified("none_bg", age_days=age_days)
        assert (decide_by_space(run, RetentionRule.MIN_FREE, rules, NOW, NOBODY) is not None) is goes


@pytest.mark.parametrize(
    ("rules", "stored", "free", "on_the_way", "expected"),
    [
        ({"max_bytes": 10}, 12, None, 0, (RetentionRule.MAX_BYTES, 2)),
        ({"max_bytes": 10}, 10, None, 0, None),
        ({"max_bytes": 10}, None, None, 0, None),
        ({"min_free_bytes": 10}, None, 4, 0, (RetentionRule.MIN_FREE, 6)),
        ({"min_free_bytes": 10}, None, 4, 6, None),
        ({"min_free_bytes": 10, "max_bytes": 10}, 30, 4, 0, (RetentionRule.MAX_BYTES, 20)),
        ({}, 30, 4, 0, None),
    ],
)
def test_so_much_is_missing_and_what_is_on_its_way_out_counts(
    rules: dict[str, Any], stored: int | None, free: int | None, on_the_way: int, expected: Any
):
    found = shortage(RetentionRules(**rules), stored_bytes=stored, disk_free_bytes=free, on_the_way_bytes=on_the_way)
    assert found == expected


def test_common_classes_shrink_to_the_size_of_the_next_and_rare_ones_stay():
    left, order = {"bee": 4, "fly": 2, "wasp": 1, "ant": 9}, []
    rules = RetentionRules(class_days={"ant": None})
    for _ in range(4):
        label = next_class(left, rules)
        assert label is not None
        left[label] -= 1
        order.append(label)
    assert order == ["bee", "bee", "fly", "bee"]
    assert left == {"bee": 1, "fly": 1, "wasp": 1, "ant": 9}
    assert next_class({"bee": 0, "ant": 9}, rules) is None


def test_counts_are_sums_by_rule():
    totals = Totals()
    for number in range(3):
        decision = by_age(classified("none_bg", number=number), false_sightings_days=1)
        assert decision is not None
        totals.add(decision)
    assert [(count.rule.value, count.runs, count.pictures, count.byte_size) for count in totals.counts] == [
        ("false_sightings", 3, 9, 900)
    ]


def test_a_mistyped_rule_is_refused():
    with pytest.raises(BadRequest, match="false_sighting_days"):
        parse_rules({"false_sighting_days": 3})
    for body in ({"insects_days": 0}, {"class_days": {"bee": -1}}, {"mode": "yes"}, [], 3):
        with pytest.raises(BadRequest):
            parse_rules(body)


days = st.none() | st.integers(1, 400)
any_rules = st.builds(
    RetentionRules,
    false_sightings_days=days,
    insects_days=days,
    class_days=st.dictionaries(st.sampled_from(["bee", "none_bg", "fly", "none_dirt"]), days),
    keep_best_picture_days=days,
    max_bytes=st.none() | st.integers(1, 10**15),
    min_free_bytes=st.none() | st.integers(1, 10**15),
)
any_run = st.builds(
    lambda label, age, images, status, verified, received: classified(label, age_days=age, images=images).model_copy(
        update={
            "status": status,
            "verification": word() if verified else None,
            "received_at": NOW - timedelta(days=received),
        }
    ),
    st.sampled_from(["bee", "none_bg", "fly", "none_dirt", "an own class"]),
    st.floats(0, 5000),
    st.integers(1, 5),
    st.sampled_from(RunStatus),
    st.booleans(),
    st.floats(0, 5000),
)


@given(run=any_run, rules=any_rules, rule=st.sampled_from([RetentionRule.MAX_BYTES, RetentionRule.MIN_FREE]))
def test_by_no_rules_a_verified_unfinished_or_excepted_run_is_ever_chosen(
    run: TrackingRun, rules: RetentionRules, rule: RetentionRule
):
    chosen = [decide_by_age(run, rules, NOW, NOBODY), decide_by_space(run, rule, rules, NOW, NOBODY)]
    for decision in chosen:
        if decision is None:
            continue
        assert run.verification is None
        assert run.status is RunStatus.CLASSIFIED
        assert rules.class_days.get(run.label or "", 1) is not None
        assert NOW - max(run.received_at, run.sort_at) >= timedelta(days=1)
        assert 0 < decision.pictures <= len(run.images)
        assert set(decision.kept) <= {image.sha256 for image in run.images}
    # Nobody's work is touched either.
    assert decide_by_age(run, rules, NOW, Busy(frozenset({run.run_id}))) is None
