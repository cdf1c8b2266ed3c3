"""What a folder holds: runs to import, and what cannot be one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from proto.run import TrapMetadata
from services.ingest.acceptance import ImageForm

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Label:
    """What was said of a run before."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that may be imported. Times are as they are written there."""

    place: str
    """Where it was found, for people"""
    tracking_id: str
    start: str
    end: str
    files: tuple[Path, ...]
    duration: str | float | None = None
    device: str | None = None
    """The trap's own name, if the folder tells it"""
    trap: TrapMetadata | None = None
    said: tuple[ImageForm, ...] = ()
    label: Label | None = None
    spellings: tuple[tuple[str, str], ...] = ()
    """Other ways in which traps write the same start and end: a run uploaded that way is the same run."""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Skipped:
    """What is not imported, or not completely, and why. ``reason`` is the same text for all of a kind."""

    place: str
    reason: str
    detail: str = ""


Finding = Candidate | Skipped
Findings = Iterator[Finding]


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """Return a folder's picture files, by name. Raises OSError."""
    return tuple(
        sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    )
