"""What has to be written when a person says what runs are. Plain code: verifications.py reads and writes."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proto.errors import UnknownLabel
from proto.taxonomy import entry, taxonomy
from proto.verification import Verdict, VerificationItem, VerificationOutcome
from services.chassis.completion import effective
from services.chassis.rollup_cells import Contribution, Increments

Document = dict[str, Any]


@dataclass(slots=True)
class VerificationPlan:
    """The writes of one transaction, and what is answered."""

    outcomes: list[tuple[str, VerificationOutcome, Document | None]] = field(default_factory=list)
    """Run id, what became of it, and the run's verification as it is then."""
    records: list[Document] = field(default_factory=list)
    """New documents of ``verifications``."""
    changes: dict[str, Document] = field(default_factory=dict)
    """Fields to set, by run id."""
    increments: Increments = field(default_factory=Increments)


def plan_verifications(
    runs: Mapping[str, Document], items: Iterable[VerificationItem], by: str, at: datetime
) -> VerificationPlan:
    """Return what makes the person's words count.

    ``runs``: the run documents as they are, by id. What a run is ``counted`` as is taken away before the new is added.
    The same person saying the same again is no change; another person saying the same is a decision of its own.

    Raises:
        UnknownLabel: a class is neither in the taxonomy nor what the machine said.
    """
    plan = VerificationPlan()
    for item in items:
        run = runs.get(item.run_id)
        if run is None:
            _unknown(item.label, "")
            plan.outcomes.append((item.run_id, VerificationOutcome.NOT_FOUND, None))
            continue
        result, old = run.get("result"), run.get("verification")
        _unknown(item.label, result["label"] if result else "")
        if not result:
            plan.outcomes.append((item.run_id, VerificationOutcome.NOT_CLASSIFIED, None))
        elif _same(old, item.label, by):
            plan.outcomes.append((item.run_id, VerificationOutcome.UNCHANGED, old))
        else:
            new = None if item.label is None else _word(item.label, result, by, at)
            outcome = VerificationOutcome.VERIFIED if new else VerificationOutcome.WITHDRAWN
            plan.outcomes.append((item.run_id, outcome, new))
            plan.records.append(_record(run, new, by, at))
            changed = run | {"verification": new}
            counted = Contribution.of(changed)
            plan.changes[item.run_id] = {
                "verification": new,
                **effective(changed),
                "counted": counted.document() if counted else None,
            }
            plan.increments.change(Contribution.stored(run.get("counted")), counted)
    return plan


def _unknown(label: str | None, machine: str) -> None:
    if label is not None and label not in taxonomy() and label != machine:
        raise UnknownLabel(f"items: no class is called {label[:80]!r}. GET /api/v1/taxonomy lists them.")


def _same(old: Document | None, label: str | None, by: str) -> bool:
    if label is None or old is None:
        return label is None and old is None
    return bool(old["label"] == label and old["verified_by"] == by)


def _word(label: str, result: Document, by: str, at: datetime) -> Document:
    verdict = Verdict.CONFIRMED if label == result["label"] else Verdict.CORRECTED
    # A class of another model, which the taxonomy does not know, is what that model's result says it is.
    is_insect = result["is_insect"] if verdict is Verdict.CONFIRMED else entry(label).is_insect
    return {
        "label": label,
        "is_insect": is_insect,
        "verdict": verdict.value,
        "verified_by": by,
        "verified_at": at,
    }


def _record(run: Document, new: Document | None, by: str, at: datetime) -> Document:
    said = new or {"label": None, "is_insect": None, "verdict": Verdict.WITHDRAWN.value}
    return {
        "_id": uuid.uuid4().hex,
        "run_id": run["_id"],
        "camera_id": run["camera_id"],
        **said,
        "verified_by": by,
        "verified_at": at,
        "machine_label": run["result"]["label"],
        "model_id": run["result"]["model_id"],
    }
