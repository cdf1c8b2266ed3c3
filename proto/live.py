"""What the live stream says: a run changed."""

from enum import StrEnum

from pydantic import Field

from proto.base import Contract, UtcDatetime
from proto.run import TrackingRun


class LiveEventType(StrEnum):
    """The run's new status, as event name on the stream."""

    RECEIVED = "run.received"
    QUEUED = "run.queued"
    CLASSIFIED = "run.classified"
    FAILED = "run.failed"


class LiveEvent(Contract):
    """One event of ``/api/v1/live``; ``event_id`` is the change stream's resume token (``Last-Event-ID``)."""

    event_id: str = Field(min_length=1)
    type: LiveEventType
    at: UtcDatetime
    run: TrackingRun
