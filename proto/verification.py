"""What a person said of a run: confirmed or corrected, by whom and when. A human's word wins over the machine's."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from proto.base import CameraId, Contract, RunId, UtcDatetime

MOST_AT_ONCE = 200
"""Runs verified by one request at most."""

Person = Annotated[str, Field(min_length=1, max_length=120, description="Name of the person who decided")]
Label = Annotated[str, Field(min_length=1, max_length=120, description="Class of the taxonomy, or the machine's own")]


class Verdict(StrEnum):
    """How a person's word stands to the machine's of that moment; a withdrawal gives the machine its word back."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"


class Verification(Contract):
    """A person's word on a run, as the run carries it. It stays when a model classifies the run again."""

    label: Label
    is_insect: bool
    verdict: Verdict
    verified_by: Person
    verified_at: UtcDatetime


class VerificationRecord(Contract):
    """One decision: a document of collection ``verifications``. Decisions are added, never changed."""

    run_id: RunId
    camera_id: CameraId
    label: Label | None = Field(description="None: the person withdrew an earlier decision")
    is_insect: bool | None
    verdict: Verdict
    verified_by: Person
    verified_at: UtcDatetime
    machine_label: str = Field(description="What the machine said at that moment")
    model_id: str = Field(description="Model that said so: name@version")


class VerificationItem(Contract):
    """What a person says of one run; ``label`` None withdraws."""

    run_id: RunId
    label: Label | None


class VerificationRequest(Contract):
    """The body of ``POST /api/v1/verifications``."""

    items: Annotated[tuple[VerificationItem, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    by: Person


class VerificationOutcome(StrEnum):
    """What became of one item."""

    VERIFIED = "verified"
    WITHDRAWN = "withdrawn"
    UNCHANGED = "unchanged"
    NOT_FOUND = "not_found"
    NOT_CLASSIFIED = "not_classified"


class VerifiedItem(Contract):
    """One item's answer: what became of it, and the run's verification as it is now."""

    run_id: RunId
    outcome: VerificationOutcome
    verification: Verification | None = None


class VerificationAnswer(Contract):
    """The answer to ``POST /api/v1/verifications``, in the order of the items."""

    items: tuple[VerifiedItem, ...]
