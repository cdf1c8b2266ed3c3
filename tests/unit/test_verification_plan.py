"""A person's word: what it writes, what it counts, and what a later model changes about it. Without a database."""

from datetime import UTC, datetime
from typing import Any

import pytest

from proto.classification import Certainty
from proto.errors import UnknownLabel
from proto.run import TrackingRun
from proto.verification import VerificationItem
from services.chassis.completion import effective, plan_completions
from services.chassis.rollup_cells import ALL, Contribution
from services.chassis.runs import from_document, to_document
from services.chassis.verification_plan import VerificationPlan, plan_verifications
from services.query.agreement import agreement
from tests.support.seeds import a_run, a_verdict

AT = datetime(2026, 7, 2, 12, tzinfo=UTC)


def classified(label: str = "bee", number: int = 1, **verdict: Any) -> dict[str, Any]:
    """Return a run document as a worker leaves it."""
    run = a_run(number)
    document = to_document(run)
    return document | plan_completions({run.run_id: document}, [a_verdict(run, label, **verdict)]).changes[run.run_id]


def said(document: dict[str, Any], label: str | None, by: str = "Maja") -> VerificationPlan:
    return plan_verifications(
        {document["_id"]: document}, [VerificationItem(run_id=document["_id"], label=label)], by, AT
    )


def after(document: dict[str, Any], label: str | None, by: str = "Maja") -> dict[str, Any]:
    return document | said(document, label, by).changes.get(document["_id"], {})


def outcomes(plan: VerificationPlan) -> list[str]:
    return [outcome.value for _, outcome, _ in plan.outcomes]


def day(plan: VerificationPlan) -> dict[str, int]:
    return {period: changes for camera, period, changes in plan.increments.updates() if camera == ALL}["2026-07-01"]  # type: ignore[return-value]


@pytest.mark.parametrize(("label", "verdict"), [("bee", "confirmed"), ("fly", "corrected"), ("none_dirt", "corrected")])
def test_a_word_confirms_or_corrects(label: str, verdict: str):
    run = from_document(after(classified("bee"), label))
    assert run.verification is not None
    assert (run.verification.verdict.value, run.verification.verified_by) == (verdict, "Maja")
    assert run.label == label
    assert run.is_insect is not label.startswith("none_")
    assert run.result is not None
    assert run.result.label == "bee", "what the machine said is kept"


def test_a_correction_moves_the_count_and_is_sure():
    changes = day(said(classified("bee", certainty=Certainty.UNCLEAR), "fly"))
    assert (changes["runs.bee"], changes["runs.fly"]) == (-1, 1)
    assert (changes["certainty.bee.unclear"], changes["certainty.fly.sure"]) == (-1, 1)


def test_the_same_person_saying_the_same_again_changes_nothing():
    once = after(classified(), "fly")
    plan = said(once, "fly")
    assert outcomes(plan) == ["unchanged"]
    assert (plan.changes, plan.records) == ({}, [])
    assert list(plan.increments.updates()) == []


def test_another_person_saying_the_same_is_a_decision_that_counts_nothing():
    plan = said(after(classified(), "fly"), "fly", by="Willi")
    assert outcomes(plan) == ["verified"]
    assert plan.records[0]["verified_by"] == "Willi"
    assert list(plan.increments.updates()) == []


def test_a_withdrawal_gives_the_machine_its_word_back():
    plan = said(after(classified("bee"), "fly"), None)
    assert outcomes(plan) == ["withdrawn"]
    assert plan.records[0]["verdict"] == "withdrawn"
    assert day(plan)["runs.bee"] == 1
    assert from_document(after(after(classified("bee"), "fly"), None)).label == "bee"


def test_withdrawing_what_nobody_said_changes_nothing():
    assert outcomes(said(classified(), None)) == ["unchanged"]


def test_a_later_model_keeps_the_word_and_the_count():
    document = after(classified("bee"), "fly")
    run = from_document(document)
    plan = plan_completions({run.run_id: document}, [a_verdict(run, "wasp", model="better@2")])
    assert list(plan.increments.updates()) == []
    reclassified = from_document(document | plan.changes[run.run_id])
    assert reclassified.label == "fly"
    assert reclassified.result is not None
    assert reclassified.result.label == "wasp"
    # and what is given back is what the machine says now
    assert from_document(after(document | plan.changes[run.run_id], None)).label == "wasp"


def test_a_run_without_result_and_one_that_is_missing_are_told_apart():
    waiting = to_document(a_run(1))
    items = [VerificationItem(run_id=run_id, label="bee") for run_id in (waiting["_id"], "0" * 32)]
    plan = plan_verifications({waiting["_id"]: waiting}, items, "Maja", AT)
    assert outcomes(plan) == ["not_classified", "not_found"]
    assert plan.changes == {}


@pytest.mark.parametrize("run_id", ["0" * 32, None])
def test_an_unknown_class_is_refused(run_id: str | None):
    document = classified()
    item = VerificationItem(run_id=run_id or document["_id"], label="dragon")
    with pytest.raises(UnknownLabel, match="dragon"):
        plan_verifications({document["_id"]: document}, [item], "Maja", AT)


def test_a_class_of_another_model_can_be_confirmed():
    run = from_document(after(classified("cryptid"), "cryptid"))
    assert run.label == "cryptid"


def test_what_is_stored_beside_the_word_is_what_the_contract_computes():
    for document in (to_document(a_run(1)), classified("bee"), after(classified("bee"), "none_bird")):
        run = from_document(document)
        assert {"label": document["label"], "is_insect": document["is_insect"]} == effective(document)
        assert (document["label"], document["is_insect"]) == (run.label, run.is_insect)
        assert TrackingRun.model_validate_json(run.model_dump_json()) == run


def test_documents_from_before_have_a_label_all_the_same():
    document = classified("bee")
    for name in ("label", "is_insect", "verification"):
        document.pop(name, None)
    assert from_document(document).label == "bee"
    counted = Contribution.of(document)
    assert counted is not None
    assert counted.label == "bee"


def test_agreement_is_by_the_machines_class():
    totals, rows = agreement({("bee", "bee"): 6, ("bee", "fly"): 1, ("bee", "none_dirt"): 3, ("wasp", "wasp"): 1})
    assert totals == {"verified": 11, "confirmed": 7, "corrected": 4, "share": 7 / 11}
    assert [row["label"] for row in rows] == ["bee", "wasp"]
    assert rows[0]["share"] == 0.6
    assert rows[0]["corrected_to"] == [{"label": "none_dirt", "runs": 3}, {"label": "fly", "runs": 1}]
    assert agreement({})[0]["share"] is None
