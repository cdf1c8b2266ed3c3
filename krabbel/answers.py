"""What the query API answers, as contracts: read by :mod:`krabbel.client`."""

from collections.abc import Mapping
from datetime import date

from pydantic import Field

from proto.base import Contract
from proto.camera import Camera
from proto.classification import Classification
from proto.run import TrackingRun
from proto.verification import VerificationRecord


class RunsPage(Contract):
    """Runs, newest first, and the cursor of the next page."""

    items: tuple[TrackingRun, ...]
    next: str | None = None


class RunDetail(Contract):
    """One run with all that models and people said of it, the newest first."""

    run: TrackingRun
    classifications: tuple[Classification, ...] = ()
    verifications: tuple[VerificationRecord, ...] = ()


class CorrectedTo(Contract):
    """A class that people said instead of the machine's."""

    label: str
    runs: int


class ClassAgreement(Contract):
    """How often people agreed with one class of the machine."""

    label: str
    is_insect: bool
    verified: int
    confirmed: int
    corrected: int
    share: float
    corrected_to: tuple[CorrectedTo, ...] = ()


class Agreement(Contract):
    """How often people agreed with the machine, of the runs that they looked at."""

    verified: int
    confirmed: int
    corrected: int
    share: float | None
    classes: tuple[ClassAgreement, ...] = ()


class DayCount(Contract):
    """A day with its runs and, of these, insects."""

    day: date
    runs: int = 0
    insects: int = 0


class HourCount(Contract):
    """An hour of a day."""

    hour: int = Field(ge=0, le=23)
    runs: int = 0
    insects: int = 0


class HourStatistics(Contract):
    """All 24 hours of a day."""

    day: date
    hours: tuple[HourCount, ...]


class ClassCount(Contract):
    """A class and its runs of a day."""

    label: str
    is_insect: bool
    runs: int = 0


class ClassStatistics(Contract):
    """The classes of a day, most frequent first."""

    day: date
    runs: int = 0
    insects: int = 0
    classes: tuple[ClassCount, ...] = ()


class ClassHours(Contract):
    """A class and its runs in each of the 24 hours."""

    label: str
    is_insect: bool
    runs: tuple[int, ...] = Field(min_length=24, max_length=24)


class ClassHourStatistics(Contract):
    """The classes of a day by hour."""

    day: date
    classes: tuple[ClassHours, ...] = ()


class Sighting(Contract):
    """A class, how often it was seen in all, and on which days first and last."""

    label: str
    is_insect: bool
    runs: int
    first_day: date
    last_day: date
    days: int = 1


class Sightings(Contract):
    """All classes ever seen."""

    classes: tuple[Sighting, ...] = ()


class Queue(Contract):
    """Jobs that wait and jobs that no worker could take; None where the broker could not be asked."""

    ready: int | None = None
    parked: int | None = None


class Worker(Contract):
    """A classifier process that reported lately."""

    worker_id: str = ""
    model_id: str = ""
    demo: bool = False


class ActiveModel(Contract):
    """The model that classifies new runs."""

    model_id: str
    demo: bool = False


class SystemStatus(Contract):
    """What waits, who works, with which model."""

    queue: Queue | None = None
    runs_by_status: Mapping[str, int] = Field(default_factory=dict)
    workers: tuple[Worker, ...] = ()
    model: ActiveModel | None = None


class Cameras(Contract):
    """All cameras."""

    items: tuple[Camera, ...]


class Days(Contract):
    """All days that have runs, newest first."""

    items: tuple[DayCount, ...]
