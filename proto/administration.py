"""What operators ask for over HTTP: keys, cameras, models. Writes go through the gateway, reads are query's.

Unknown fields are refused here, unlike elsewhere: a misspelt ``scopes`` or ``latitude`` must not pass in silence.
"""

from typing import Annotated, Any, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, model_validator

from proto.base import CameraId, Contract, UtcDatetime
from proto.camera import ApiKey, Scope

KEY_ID_DIGITS = 12
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$", description="The first 12 hex digits of the key's SHA-256")]
Latitude = Annotated[float, Field(ge=-90, le=90, description="Degrees north")]
Longitude = Annotated[float, Field(ge=-180, le=180, description="Degrees east")]


def known_zone(value: str) -> str:
    """Return the name of a time zone.

    Raises:
        ValueError: there is none of this name.
    """
    if value not in available_timezones():
        raise ValueError(f"{value[:80]!r} is no IANA time zone; write it like Europe/Berlin")
    return value


TimeZone = Annotated[str, AfterValidator(known_zone)]


class Wish(Contract):
    """Base of what operators send."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), populate_by_name=True)


class NewKey(Wish):
    """A key to make."""

    name: str = Field(min_length=1, max_length=120, description="What people call it; never the key")
    scopes: frozenset[Scope] = Field(min_length=1)
    camera_id: CameraId | None = Field(default=None, description="Only this camera; null: all cameras")

    @model_validator(mode="after")
    def _no_administrator_of_one_camera(self) -> Self:
        if self.camera_id is not None and Scope.ADMIN in self.scopes:
            raise ValueError("a key of one camera cannot have the scope 'admin'")
        return self


class KeyInfo(Contract):
    """A key as operators see it: everything but the key."""

    id: KeyId
    name: str
    scopes: tuple[Scope, ...]
    camera_id: CameraId | None
    created_at: UtcDatetime
    revoked_at: UtcDatetime | None
    last_used_at: UtcDatetime | None = Field(description="To the minute; null: never since this is noted")


class IssuedKey(KeyInfo):
    """A fresh key: this answer is the only moment at which it can be read."""

    key: str


def key_info(key: ApiKey) -> KeyInfo:
    """Return a stored key as operators see it."""
    return KeyInfo(
        id=key.key_hash[:KEY_ID_DIGITS],
        name=key.label,
        scopes=tuple(sorted(key.scopes)),
        camera_id=key.camera_id,
        created_at=key.created_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )


class CameraChange(Wish):
    """What may be changed of a camera; what is not named stays. Days and hours of runs that are stored stay too."""

    name: str = Field(default="", min_length=1, max_length=120)
    place: str = Field(default="", max_length=200)
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: TimeZone = Field(default="Europe/Berlin", validation_alias=AliasChoices("timezone", "time_zone"))
    credit: str = Field(default="", max_length=200)
    licence: str = Field(default="CC-BY-4.0", min_length=1, max_length=80)
    coordinate_uncertainty_m: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _whole_place(self) -> Self:
        if ("latitude" in self.model_fields_set) != ("longitude" in self.model_fields_set) or (
            (self.latitude is None) != (self.longitude is None)
        ):
            raise ValueError("latitude and longitude: name both, or none")
        return self


class NewCamera(CameraChange):
    """A camera to make; without an id it gets one made of its name."""

    name: str = Field(min_length=1, max_length=120)
    camera_id: CameraId | None = Field(default=None, validation_alias=AliasChoices("camera_id", "id"))


class ModelInfo(Contract):
    """A registered model."""

    model_id: str = Field(description="name@version")
    name: str
    version: str
    sha256: str
    format: str
    byte_size: int
    classes: tuple[str, ...]
    unknown_classes: tuple[str, ...] = Field(description="Those that the taxonomy does not know")
    image_size: int
    demo: bool
    card: dict[str, Any] = Field(default_factory=dict, description="The card that came with the file, as it is")
    added_at: UtcDatetime
    active: bool
    workers: int = Field(description="Workers that use it now")


class ModelList(Contract):
    """All registered models."""

    items: tuple[ModelInfo, ...]
    active: str | None = Field(description="null: each worker uses the file in its settings")
