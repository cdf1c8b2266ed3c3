"""Reclassification: stored runs are shown to a model again, behind the live ones."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from proto.administration import Wish
from proto.base import CameraId, Contract, UtcDatetime

OrderId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


class OrderState(StrEnum):
    """Whether an order is being sent."""

    RUNNING = "running"
    PAUSED = "paused"
    SENT = "sent"


class NewReclassification(Wish):
    """Which runs, and by which model."""

    model_id: str = Field(min_length=3, max_length=181, description="name@version")
    camera_id: CameraId | None = Field(default=None, description="Only this camera's runs")
    from_day: date | None = Field(default=None, description="First local day")
    to_day: date | None = Field(default=None, description="Last local day")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_day and self.to_day and self.from_day > self.to_day:
            raise ValueError("from_day is after to_day")
        return self


class Reclassification(Contract):
    """One order, and how far it is."""

    id: OrderId
    model_id: str
    camera_id: CameraId | None
    from_day: date | None
    to_day: date | None
    total: int = Field(description="Runs selected at the start")
    sent: int = Field(description="Runs whose jobs are in the queue or done")
    state: OrderState
    started_at: UtcDatetime


class ReclassificationList(Contract):
    """All orders, newest first."""

    items: tuple[Reclassification, ...]
    waiting: int | None = Field(description="Jobs of all orders that wait for a worker; null: the broker is away")
