"""An export that is made in the background: started, watched, downloaded, and gone after a while."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from proto.base import CameraId, Contract, UtcDatetime

JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="Id of an export; random")]


class ExportState(StrEnum):
    """``waiting -> running -> done`` or ``failed``; back to ``waiting`` when the service stops meanwhile."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ExportJob(Contract):
    """One export: the document of collection ``export_jobs``, and the answer about its progress."""

    job_id: JobId
    format: str
    file_name: str
    media_type: str
    parameters: Mapping[str, str] = Field(default_factory=dict, description="The selection, as URL parameters")
    cameras: tuple[CameraId, ...] = Field(default=(), description="Only runs of these; none: of all")
    state: ExportState = ExportState.WAITING
    reason: str | None = Field(default=None, description="Why it failed, in words")
    runs_total: int | None = Field(default=None, ge=0, description="Runs in the selection when it began")
    runs_written: int = Field(default=0, ge=0)
    byte_size: int = Field(default=0, ge=0)
    parts: int = Field(default=0, ge=0, description="Objects in the store that hold the file, in order")
    attempts: int = Field(default=0, ge=0)
    created_at: UtcDatetime
    finished_at: UtcDatetime | None = None
    expires_at: UtcDatetime | None = Field(default=None, description="When the file will be removed")
