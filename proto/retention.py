"""How long pictures are kept: the operator's rules, what a sweep did, and what a run says once its pictures are gone.

Only pictures ever go. Documents, results, decisions of people and statistics stay for ever.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from proto.base import Contract, Sha256, UtcDatetime


class RetentionMode(StrEnum):
    """What a sweep may do: nothing, count and say what would go, or remove."""

    OFF = "off"
    DRY_RUN = "dry-run"
    ON = "on"


class RetentionRule(StrEnum):
    """The rule by which pictures went."""

    FALSE_SIGHTINGS = "false_sightings"
    INSECTS = "insects"
    CLASS = "class"
    BEST_PICTURE = "best_picture"
    MAX_BYTES = "max_bytes"
    MIN_FREE = "min_free"


Days = Annotated[int, Field(ge=1, le=36_500)]
Label = Annotated[str, Field(min_length=1, max_length=120)]


class RetentionRules(Contract):
    """The operator's rules. Everything is off by default; a rule that is null does nothing.

    Never touched, whatever the rules say: runs that a person verified, runs that are not classified, failed, parked or
    being reclassified, and classes whose days are null.
    """

    mode: RetentionMode = Field(default=RetentionMode.OFF, description="`dry-run` only counts; `on` removes")
    false_sightings_days: Days | None = Field(default=None, description="Age at which false sightings' pictures go")
    insects_days: Days | None = Field(default=None, description="Age at which unverified insects' pictures go")
    class_days: dict[Label, Days | None] = Field(
        default_factory=dict,
        description="By class, before the two above; null: pictures of this class never go, by no rule",
    )
    keep_best_picture_days: Days | None = Field(
        default=None, description="Age from which only the best picture of a run is kept"
    )
    max_bytes: int | None = Field(default=None, ge=1, description="Most bytes that all pictures may take together")
    min_free_bytes: int | None = Field(default=None, ge=1, description="Least free bytes on the disk")
    keep_thumbnails: bool = Field(default=True, description="Whether the small picture stays when the pictures go")


class PicturesGone(Contract):
    """What a run says whose pictures were removed: when, why and by which rule."""

    at: UtcDatetime
    rule: RetentionRule
    why: str = Field(max_length=200, description="The rule in words")
    pictures: int = Field(ge=0, description="Pictures removed")
    byte_size: int = Field(ge=0, description="Their bytes")
    kept: tuple[Sha256, ...] = Field(default=(), description="Pictures that are still there")
    thumbnail_kept: bool = True


class RetentionCount(Contract):
    """What went, or would go, by one rule."""

    rule: RetentionRule
    runs: int = Field(ge=0)
    pictures: int = Field(ge=0)
    byte_size: int = Field(ge=0)


class RetentionSweep(Contract):
    """What one sweep did; with `mode` dry-run: what it would have done."""

    at: UtcDatetime
    seconds: float = Field(ge=0)
    mode: RetentionMode
    counts: tuple[RetentionCount, ...] = ()
    runs: int = Field(default=0, ge=0)
    pictures: int = Field(default=0, ge=0)
    byte_size: int = Field(default=0, ge=0)
    finished: bool = Field(default=True, description="False: there is more to do than one sweep does")
    held_back: int = Field(default=0, ge=0, description="Runs that wait for their thumbnail to be made first")
    stored_bytes: int | None = Field(default=None, description="All pictures' bytes; known where `max_bytes` is set")
    disk_free_bytes: int | None = Field(default=None, description="As the sweeping process saw its disk")


class RetentionForecast(Contract):
    """What would go now by age, were the mode `on`; the two rules of space are judged by sweeps only."""

    counts: tuple[RetentionCount, ...] = ()
    runs: int = Field(default=0, ge=0)
    pictures: int = Field(default=0, ge=0)
    byte_size: int = Field(default=0, ge=0)
    complete: bool = Field(default=True, description="False: at least so many; counting stopped")


class RetentionState(Contract):
    """The answer to ``GET`` and ``PUT /api/v1/retention``."""

    rules: RetentionRules
    changed_at: UtcDatetime | None = None
    changed_by: str | None = None
    last_sweep: RetentionSweep | None = None
    last_removal: RetentionSweep | None = Field(default=None, description="The last sweep that removed anything")
    would_go: RetentionForecast
