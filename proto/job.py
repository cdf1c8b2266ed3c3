"""The job that ingest hands to the classifier: a claim check (ids and object keys, never pixels)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationError

from proto.base import CameraId, Contract, RunId, Sha256, UtcDatetime
from proto.errors import MessageRefused

JOB_TYPE = "krabbel.classify-job"
JOB_VERSION = 1
VERSION_HEADER = "krabbel-version"


class JobPurpose(StrEnum):
    """Why the job exists. Live jobs never wait behind reclassification: they have a queue of their own."""

    LIVE = "live"
    REPLAY = "replay"
    RECLASSIFY = "reclassify"


class JobImage(Contract):
    """One image to classify."""

    sha256: Sha256
    object_key: str


class ClassifyJob(Contract):
    """AMQP body, type ``krabbel.classify-job``, version 1."""

    run_id: RunId
    camera_id: CameraId
    images: tuple[JobImage, ...] = Field(min_length=1)
    purpose: JobPurpose = JobPurpose.LIVE
    model_id: str | None = Field(default=None, description="Only this model (name@version); None: the active one")
    attempt: int = Field(default=0, ge=0, description="Delayed retries so far")
    published_at: UtcDatetime


def decode_job(body: bytes, message_type: str | None, headers: Mapping[str, Any]) -> ClassifyJob:
    """Return the job in an AMQP message.

    Raises:
        MessageRefused: another type, a version newer than this program knows, or a body that is no job. The message is
            parked, not lost: a newer worker can take it.
    """
    version = headers.get(VERSION_HEADER)
    if message_type != JOB_TYPE or version != JOB_VERSION:
        raise MessageRefused(
            f"message of type {message_type!r} version {version!r}; this worker reads {JOB_TYPE!r} "
            f"version {JOB_VERSION}. "
            "Replay it with a worker that knows it (krabbel dead replay)."
        )
    try:
        return ClassifyJob.model_validate_json(body)
    except ValidationError as error:
        raise MessageRefused(
            f"message is no classify job: {error.error_count()} faults, first: {error.errors()[0]}"
        ) from error
