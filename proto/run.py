"""A tracking run: one insect, followed by one camera from appearing to leaving."""

import hashlib
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field, computed_field

from proto.base import CameraId, Contract, Probability, RunId, Sha256, UtcDatetime
from proto.classification import RunResult
from proto.retention import PicturesGone
from proto.verification import Verification


class RunStatus(StrEnum):
    """``received -> queued -> classified``, or ``failed``; replay and reclassification lead back to ``queued``."""

    RECEIVED = "received"
    QUEUED = "queued"
    CLASSIFIED = "classified"
    FAILED = "failed"


class RunSource(StrEnum):
    """The way a run came in."""

    LEGACY = "legacy"
    API = "api"
    IMPORT = "import"


class ClockFlag(StrEnum):
    """What is odd about a run's times. None of them is a reason to refuse an insect.

    ``ambiguous`` and ``nonexistent`` (the two nights that change the clocks) are resolved; the others mean that the
    trap's clock is doubted: the times are kept as the trap said them, and the run sorts by the moment of receipt.
    """

    END_BEFORE_START = "end_before_start"
    FUTURE = "future"
    PAST = "past"
    ABSURD_DURATION = "absurd_duration"
    AMBIGUOUS = "ambiguous"
    NONEXISTENT = "nonexistent"
    UNREADABLE = "unreadable"


class BoundingBox(Contract):
    """Where the crop lies in the full frame, relative to its width and height (0 to 1)."""

    x_min: Probability
    y_min: Probability
    x_max: Probability
    y_max: Probability


class ImageReference(Contract):
    """One stored crop. ``file_name`` is what the client called it: shown and exported, never used as a path."""

    sha256: Sha256
    object_key: str
    file_name: str = Field(max_length=255)
    content_type: str = Field(pattern=r"^image/(jpeg|png|webp)$")
    byte_size: int = Field(ge=1)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    taken_at: UtcDatetime | None = None
    detection_confidence: Probability | None = None
    bounding_box: BoundingBox | None = None


class TrapMetadata(Contract):
    """What insect-detect writes beside a track; both of its spellings are read (services/ingest)."""

    device_id: str | None = Field(default=None, max_length=120)
    session_id: str | None = Field(default=None, max_length=120)
    track_status: str | None = Field(default=None, max_length=40)
    lens_position: int | None = None
    iso_sensitivity: int | None = None
    exposure_time: int | None = None


class TrackingRun(Contract):
    """The document of collection ``runs``: the source of truth, whose ``status`` is the only state machine."""

    run_id: RunId
    camera_id: CameraId
    tracking_id: Annotated[str, Field(min_length=1, max_length=120, description="The trap's own track id")]
    source: RunSource
    started_at: UtcDatetime
    ended_at: UtcDatetime
    duration_s: float = Field(description="As the trap said, else ended_at - started_at; seconds")
    received_at: UtcDatetime
    sort_at: UtcDatetime = Field(description="ended_at, or received_at when the trap's clock is doubted")
    local_date: date = Field(description="Day of sort_at in the camera's time zone")
    local_hour: int = Field(ge=0, le=23, description="Hour of sort_at in the camera's time zone")
    clock_flags: tuple[ClockFlag, ...] = ()
    status: RunStatus = RunStatus.RECEIVED
    status_reason: str | None = None
    images: Annotated[tuple[ImageReference, ...], Field(min_length=1)]
    trap: TrapMetadata | None = None
    queued_at: UtcDatetime | None = None
    classified_at: UtcDatetime | None = None
    result: RunResult | None = None
    verification: Verification | None = Field(default=None, description="A person's word; it wins over the result")
    pictures_gone: PicturesGone | None = Field(default=None, description="Set once retention removed its pictures")

    @computed_field(description="The class that counts: the person's, else the machine's")  # type: ignore[prop-decorator]
    @property
    def label(self) -> str | None:
        """The run's class: a person's word wins over the machine's; None before it is classified."""
        said = self.verification or self.result
        return said.label if said else None

    @computed_field(description="Whether the class that counts is an insect")  # type: ignore[prop-decorator]
    @property
    def is_insect(self) -> bool | None:
        """Whether the run is an insect, by :attr:`label`; None before it is classified."""
        said = self.verification or self.result
        return said.is_insect if said else None

    @property
    def stored_images(self) -> tuple[ImageReference, ...]:
        """The images whose pictures are still kept: all, unless retention removed some."""
        gone = self.pictures_gone
        return self.images if gone is None else tuple(image for image in self.images if image.sha256 in gone.kept)


def run_id_of(camera_id: str, tracking_id: str, start: str, end: str, image_hashes: Iterable[str]) -> str:
    """Return the run's deterministic id.

    The first 128 bits, as hex, of the SHA-256 over camera, track id, start and end *as the client wrote them*, and the
    sorted, distinct SHA-256 of its images, joined by newlines. The same upload thus always gets the same id, whatever
    the order of its parts, and two different insects never share one, even from a trap whose clock stands still.
    """
    parts = [camera_id, tracking_id, start, end, *sorted(set(image_hashes))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def object_key_of(run_id: str, sha256: str, content_type: str) -> str:
    """Return the image's key in the object store: ``runs/<run id>/<sha256>.<ext>``; ids are hashes, so keys spread."""
    extension = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}[content_type]
    return f"runs/{run_id}/{sha256}.{extension}"


def thumbnail_key_of(run_id: str) -> str:
    """Return the key of the run's small picture in the object store: ``thumbs/<run id>.webp``."""
    return f"thumbs/{run_id}.webp"


def sheet_key_of(run_id: str) -> str:
    """Return the key of the run's contact sheet in the object store: ``sheets/<run id>.webp``."""
    return f"sheets/{run_id}.webp"
