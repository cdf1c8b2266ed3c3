"""What has to be written when models have said something of runs. Plain code: runs.py reads and writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proto.classification import Classification
from proto.run import RunStatus
from services.chassis.rollup_cells import Contribution, Increments

Document = dict[str, Any]


@dataclass(slots=True)
class CompletionPlan:
    """The writes of one transaction."""

    verdicts: dict[str, Document] = field(default_factory=dict)
    """Documents of ``classifications`` by ``_id``: one for each run and model."""
    changes: dict[str, Document] = field(default_factory=dict)
    """Fields to set, by run id."""
    increments: Increments = field(default_factory=Increments)


def plan_completions(runs: Mapping[str, Document], classifications: Iterable[Classification]) -> CompletionPlan:
    """Return what makes each classification its run's result, and counts each run once.

    ``runs``: the run documents as they are, by id; a classification of a run that is not among them is passed over.
    What a run document says it is ``counted`` as is taken away before the new is added. A verdict that the run already
    has is no change: so it is neither written nor counted nor told to anybody again. A person's word stays, and stays
    what the run counts as.
    """
    plan = CompletionPlan()
    current = {run_id: dict(document) for run_id, document in runs.items()}
    for classification in classifications:
        run = current.get(classification.run_id)
        if run is None:
            continue
        verdict = plain(classification.model_dump(mode="python"))
        result = verdict["result"]
        counted = Contribution.stored(run.get("counted"))
        new = Contribution.of(run | {"result": result})
        done = run["status"] == RunStatus.CLASSIFIED.value
        if done and counted == new and _same_verdict(run.get("result"), result):
            continue
        change: Document = {
            "status": RunStatus.CLASSIFIED.value,
            "status_reason": None,
            "classified_at": classification.result.classified_at,
            "result": result,
            **effective(run | {"result": result}),
            "counted": new.document() if new else None,
        }
        plan.verdicts[f"{classification.run_id}:{classification.model_id}"] = verdict
        plan.changes[classification.run_id] = change
        plan.increments.change(counted, new)
        run |= change
    return plan


def effective(run: Mapping[str, Any]) -> Document:
    """Return the fields that say what a run counts as: a person's word, else the machine's.

    They are stored, as the contract's computed fields are, so that an index finds runs by them.
    """
    said = run.get("verification") or run.get("result") or {}
    return {"label": said.get("label"), "is_insect": said.get("is_insect")}


def _same_verdict(old: Document | None, new: Document) -> bool:
    """Say whether two results differ in nothing but the moment at which they were made."""
    return old is not None and old | {"classified_at": None} == new | {"classified_at": None}


def plain(value: Any) -> Any:
    """Turn enums, tuples and sets into what BSON knows."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value
