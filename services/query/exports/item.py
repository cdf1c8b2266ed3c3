"""What an export gets: runs with their verdicts, the cameras, and what the operator says of the data set."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import cache, cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from proto.base import Contract
from proto.camera import Camera
from proto.classification import Classification
from proto.run import ClockFlag, TrackingRun

DEFAULT_ZONE = "Europe/Berlin"
DOUBTED = frozenset(
    {
        ClockFlag.END_BEFORE_START,
        ClockFlag.FUTURE,
        ClockFlag.PAST,
        ClockFlag.ABSURD_DURATION,
        ClockFlag.UNREADABLE,
    }
)
"""Flags with which the trap's clock is not believed."""
LONGEST = timedelta(days=1)


class ImageVerdict(NamedTuple):
    """What a model said of one picture: its first class, or why there is none."""

    label: str
    probability: float
    error: str = ""


class Verdict(NamedTuple):
    """What a model said of each picture of a run. Lighter than a Classification: millions of pictures go by."""

    model_id: str
    images: Mapping[str, ImageVerdict]
    """By SHA-256."""

    @classmethod
    def of(cls, classification: Classification) -> "Verdict":
        """Return the first classes of a classification."""
        images = {
            image.sha256: ImageVerdict(image.top[0].label, image.top[0].probability)
            if image.top
            else ImageVerdict("", 0.0, image.error or "")
            for image in classification.images
        }
        return cls(classification.model_id, images)


class ExportItem(NamedTuple):
    """A run, and what its model said of each image where the format asks for it."""

    run: TrackingRun
    verdict: Verdict | None = None


Batches = AsyncIterator[Sequence[ExportItem]]
"""Runs come in batches, so that each is one step of work in a thread."""
PictureReader = Callable[[str, str, str], Awaitable[bytes]]
"""Run id, SHA-256 and file ending to the picture without metadata."""


class Dataset(Contract):
    """What the operator says of the data (settings ``KRABBEL_EXPORT_*``)."""

    title: str = "Insect camera traps"
    description: str = ""
    publisher: str = "Krabbel"
    contact_name: str = ""
    contact_email: str = ""
    licence: str = "CC-BY-4.0"
    sampling_design: str = "opportunistic"
    country_code: str = ""
    public_url: str = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class ExportContext:
    """Everything besides the runs. ``picture`` is only needed by formats that hold pictures."""

    cameras: Mapping[str, Camera]
    created_at: datetime
    dataset: Dataset = field(default_factory=Dataset)
    picture: PictureReader | None = None
    version: str = "0"

    def zone(self, camera_id: str) -> tzinfo:
        """Return the camera's time zone; of a camera that is not known, the default."""
        camera = self.cameras.get(camera_id)
        return zone_of(camera.timezone if camera else DEFAULT_ZONE)

    @cached_property
    def base_url(self) -> str:
        """The address under which the world reaches the pictures."""
        return self.dataset.public_url.rstrip("/")

    def image_url(self, object_key: str) -> str:
        """Return the address of a picture: its object key ``runs/RUN/SHA.ext`` is also its path."""
        return f"{self.base_url}/api/v1/images/{object_key.removeprefix('runs/')}"


@cache
def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name."""
    return ZoneInfo(name)


def is_doubted(run: TrackingRun) -> bool:
    """Say whether the trap's clock is not believed for this run."""
    return not DOUBTED.isdisjoint(run.clock_flags)


def interval(run: TrackingRun) -> tuple[datetime, datetime]:
    """Return when the insect came and left; the end is never before the start.

    With a doubted clock only the moment of receipt (``sort_at``) is known: it is the end, and the start lies the told
    duration before it, where that is believable.
    """
    if not is_doubted(run):
        return run.started_at, max(run.started_at, run.ended_at)
    length = timedelta(seconds=max(0.0, run.duration_s)) if abs(run.duration_s) <= LONGEST.total_seconds() else None
    return run.sort_at - (length or timedelta()), run.sort_at


def stamp(moment: datetime, zone: tzinfo) -> str:
    """Return a moment as ISO 8601 with the zone's offset and whole seconds: ``2026-07-01T10:00:05+02:00``."""
    return moment.astimezone(zone).isoformat(timespec="seconds")
