"""What an upload says, and the tracking run that follows from it. No I/O: forms in, a TrackingRun out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, model_validator

from proto.base import CameraId, Contract, Probability
from proto.errors import InvalidUpload
from proto.run import (
    BoundingBox,
    ClockFlag,
    ImageReference,
    RunSource,
    TrackingRun,
    TrapMetadata,
    object_key_of,
    run_id_of,
)
from services.ingest.clock import read_moment, read_times
from services.ingest.entry_file import IncomingImage

MAX_TRACKING_ID = 120


def _text(value: Any) -> Any:
    """Track ids are numbers with one firmware and text with the next."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _whole(value: Any) -> Any:
    """insect-detect's CSV holds whole numbers as 8000, 8000.0 or an empty cell."""
    if isinstance(value, str):
        value = value.strip() or None
    if isinstance(value, (str, float)) and not isinstance(value, bool):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return value
    return value


def _box(value: Any) -> Any:
    """A box may also be written as [x_min, y_min, x_max, y_max]."""
    if isinstance(value, (list, tuple)) and len(value) == 4:
        return dict(zip(("x_min", "y_min", "x_max", "y_max"), value, strict=True))
    return value


Text = Annotated[str, BeforeValidator(_text)]
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=-(2**31), lt=2**31)]


def _spelt(*names: str) -> Any:
    return Field(default=None, validation_alias=AliasChoices(*names))


class TrapForm(Contract):
    """The trap's own metadata, in both spellings of insect-detect."""

    device_id: Annotated[Text, Field(max_length=120)] | None = _spelt("device_id", "cam_ID", "cam_id")
    session_id: Annotated[Text, Field(max_length=120)] | None = _spelt("session_id", "rec_ID", "rec_id")
    track_status: Annotated[Text, Field(max_length=40)] | None = _spelt("track_status")
    lens_position: Whole | None = _spelt("lens_position", "lens_pos")
    iso_sensitivity: Whole | None = _spelt("iso_sensitivity", "iso_sens")
    exposure_time: Whole | None = _spelt("exposure_time", "exp_time")

    def metadata(self) -> TrapMetadata | None:
        """Return what was given; None if nothing was."""
        given = self.model_dump(exclude_none=True)
        return TrapMetadata.model_validate(given) if given else None


class ImageForm(Contract):
    """What the client tells of one image, found by its file name."""

    file_name: str = Field(max_length=1024, validation_alias=AliasChoices("file_name", "filename", "file"))
    taken_at: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, validation_alias=AliasChoices("taken_at", "timestamp")
    )
    detection_confidence: Probability | None = Field(
        default=None, validation_alias=AliasChoices("detection_confidence", "confidence", "det_conf")
    )
    bounding_box: Annotated[BoundingBox, BeforeValidator(_box)] | None = Field(
        default=None, validation_alias=AliasChoices("bounding_box", "bbox")
    )


class RunForm(Contract):
    """The JSON part ``run`` of ``POST /api/v1/runs``."""

    tracking_id: Annotated[Text, Field(min_length=1, max_length=MAX_TRACKING_ID)] = Field(
        validation_alias=AliasChoices("tracking_id", "track_id", "track_ID")
    )
    started_at: Annotated[str, Field(max_length=64)] = Field(
        validation_alias=AliasChoices("started_at", "start_date", "start_time")
    )
    ended_at: Annotated[str, Field(max_length=64)] = Field(
        validation_alias=AliasChoices("ended_at", "end_date", "end_time")
    )
    duration_s: float | None = None
    camera_id: CameraId | None = None
    trap: TrapForm | None = None
    images: tuple[ImageForm, ...] = Field(default=(), max_length=5000)

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, data: Any) -> Any:
        """The trap's metadata may also stand beside the run's own fields, as in insect-detect's CSV."""
        if isinstance(data, dict) and "trap" not in data:
            return {**data, "trap": data}
        return data


class Upload(Contract):
    """All that was said about a run, whichever way it came."""

    source: RunSource
    camera_id: CameraId
    tracking_id: Annotated[str, Field(min_length=1, max_length=MAX_TRACKING_ID)]
    start: str
    end: str
    duration: str | float | None = None
    trap: TrapMetadata | None = None
    images: tuple[ImageForm, ...] = ()


def parse_run_form(text: bytes) -> RunForm:
    """Return the form in the JSON part.

    Raises:
        InvalidUpload: it is no JSON, or says what cannot be; the message names the field.
    """
    try:
        return RunForm.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidUpload(f"Part 'run', {place or 'JSON'}: {first['msg']}.") from error


def legacy_upload(camera_id: str, tracking_id: str, fields: Mapping[str, str]) -> Upload:
    """Return the upload that a deployed trap's form means. Missing or odd times are no reason to refuse.

    Raises:
        InvalidUpload: the track id is empty or longer than 120 characters.
    """
    if not 1 <= len(tracking_id) <= MAX_TRACKING_ID:
        raise InvalidUpload(f"The track id must have 1 to {MAX_TRACKING_ID} characters, not {len(tracking_id)}.")
    return Upload(
        source=RunSource.LEGACY,
        camera_id=camera_id,
        tracking_id=tracking_id,
        start=fields.get("start_date", ""),
        end=fields.get("end_date", ""),
        duration=fields.get("duration_s"),
    )


def api_upload(camera_id: str, form: RunForm) -> Upload:
    """Return the upload that a form of the new endpoint means."""
    return Upload(
        source=RunSource.API,
        camera_id=camera_id,
        tracking_id=form.tracking_id,
        start=form.started_at,
        end=form.ended_at,
        duration=form.duration_s,
        trap=form.trap.metadata() if form.trap else None,
        images=form.images,
    )


def accept(upload: Upload, images: Sequence[IncomingImage], zone: ZoneInfo, received_at: datetime) -> TrackingRun:
    """Return the run.

    Raises:
        InvalidUpload: there is no image.
    """
    if not images:
        raise InvalidUpload("The upload has no image. Send at least one part with a JPEG, PNG or WebP file.")
    times = read_times(upload.start, upload.end, upload.duration, zone, received_at)
    run_id = run_id_of(
        upload.camera_id, upload.tracking_id, upload.start, upload.end, (image.sha256 for image in images)
    )
    said = {display_name(image.file_name): image for image in upload.images}
    doubted = ClockFlag.UNREADABLE in times.flags
    near = received_at if doubted else times.started_at
    return TrackingRun(
        run_id=run_id,
        camera_id=upload.camera_id,
        tracking_id=upload.tracking_id,
        source=upload.source,
        started_at=times.started_at,
        ended_at=times.ended_at,
        duration_s=times.duration_s,
        received_at=received_at,
        sort_at=times.sort_at,
        local_date=times.local_date,
        local_hour=times.local_hour,
        clock_flags=times.flags,
        images=tuple(
            _reference(run_id, image, said.get(display_name(image.file_name)), zone, near) for image in images
        ),
        trap=upload.trap,
    )


def _reference(
    run_id: str, image: IncomingImage, said: ImageForm | None, zone: ZoneInfo, near: datetime
) -> ImageReference:
    name = display_name(image.file_name)
    return ImageReference(
        sha256=image.sha256,
        object_key=object_key_of(run_id, image.sha256, image.facts.content_type),
        file_name=name,
        content_type=image.facts.content_type,
        byte_size=image.byte_size,
        width=image.facts.width,
        height=image.facts.height,
        taken_at=read_moment(said.taken_at if said and said.taken_at else name, zone, near),
        detection_confidence=said.detection_confidence if said else None,
        bounding_box=said.bounding_box if said else None,
    )


def display_name(name: str) -> str:
    """Return a client's file name as it may be shown: no folders, no control characters, at most 255 characters.

    It is never used as a path or key: those are made of hashes.
    """
    bare = name.replace("\\", "/").rpartition("/")[2]
    if not bare.isprintable():  # surrogates are not printable either
        bare = "".join(letter for letter in bare if letter.isprintable())
    return bare[:255] or "unnamed"
