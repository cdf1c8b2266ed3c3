"""A camera trap, the keys that open its door, and what it says about its own health."""

from enum import StrEnum

from pydantic import Field

from proto.base import CameraId, Contract, UtcDatetime


class Scope(StrEnum):
    """What a key may do."""

    UPLOAD = "upload"
    READ = "read"
    VERIFY = "verify"
    ADMIN = "admin"


class Heartbeat(Contract):
    """What a camera reports of itself; every field is optional, since firmwares differ."""

    battery_percent: float | None = Field(default=None, ge=0, le=100)
    temperature_c: float | None = Field(default=None, ge=-80, le=150)
    disk_free_bytes: int | None = Field(default=None, ge=0)
    firmware: str | None = Field(default=None, max_length=120)


class Camera(Contract):
    """A deployed camera trap. Days and hours of its runs are those of ``timezone``."""

    camera_id: CameraId
    name: str = Field(min_length=1, max_length=120)
    place: str = Field(default="", max_length=200)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    timezone: str = Field(default="Europe/Berlin", description="IANA time zone")
    credit: str = Field(default="", max_length=200, description="Credit line printed beside its pictures")
    licence: str = Field(default="CC-BY-4.0", max_length=80, description="SPDX name of the pictures' licence")
    coordinate_uncertainty_m: float | None = Field(default=None, ge=0, description="Public coordinates are rounded so")
    created_at: UtcDatetime
    last_upload_at: UtcDatetime | None = None
    last_seen_at: UtcDatetime | None = None
    heartbeat: Heartbeat | None = None


class ApiKey(Contract):
    """A stored key: its SHA-256, never the key. Keys are 256-bit random, so a plain hash cannot be searched."""

    key_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    label: str = Field(default="", max_length=120)
    scopes: frozenset[Scope]
    camera_id: CameraId | None = Field(default=None, description="Only this camera; None: all cameras")
    created_at: UtcDatetime
    revoked_at: UtcDatetime | None = None
    last_used_at: UtcDatetime | None = Field(default=None, description="To the minute")
