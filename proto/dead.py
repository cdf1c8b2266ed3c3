"""Dead letters: jobs that no worker could do, as operators see them."""

from typing import Annotated

from pydantic import Field

from proto.administration import Wish
from proto.base import CameraId, Contract, RunId, UtcDatetime

MOST_SHOWN = 200
DeadLetterId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


class DeadLetter(Contract):
    """One message in the parking queue."""

    id: DeadLetterId
    queue: str = Field(description="The work queue that it was parked from")
    run_id: RunId | None = Field(description="null: it cannot be read as a job")
    camera_id: CameraId | None
    images: int | None
    reason: str = Field(description="Why, in words: the worker's where it could still say something")
    cause: str = Field(description="Why the broker put it here")
    obstacle: str | None = Field(description="Why sending it to work again would help nobody; null: it may help")
    parked_at: UtcDatetime | None
    deliveries: int | None = Field(description="How often workers got it, at least; null: not known")
    job_version: int | None


class DeadLetters(Contract):
    """What is parked, longest first, at most so many as were asked for."""

    items: tuple[DeadLetter, ...]
    total: int = Field(description="How many there are in all")


class DeadLetterFilter(Wish):
    """Which ones; none named: all."""

    queue: str | None = Field(default=None, max_length=120)
    camera_id: CameraId | None = None
    run_id: RunId | None = None


class DeadLettersDone(Contract):
    """What became of them."""

    done: int = Field(description="Sent to work again, or thrown away")
    skipped: int = Field(description="Left where they are, because work would help nobody: the list says why")
    left: int = Field(description="Parked still, of those that were there")
