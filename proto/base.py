"""The base of all contracts, and the few types that many of them use."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Contract(BaseModel):
    """A message or document shape.

    Unknown fields are ignored, so that an older reader understands a newer writer; instances are frozen, so that what
    was validated stays valid.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, use_enum_values=False, protected_namespaces=())


def _to_utc(value: datetime) -> datetime:
    """Return ``value`` in UTC. MongoDB hands back naive UTC unless told otherwise, so a naive value *is* UTC here;
    the camera's local times are converted before they reach a contract (services/ingest)."""
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value.astimezone(UTC)


UtcDatetime = Annotated[datetime, AfterValidator(_to_utc)]
"""A moment, always in UTC."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, lower-case hex")]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="Deterministic id of a tracking run")]
CameraId = Annotated[
    str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$", description="Slug of a camera, e.g. garden-1")
]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
