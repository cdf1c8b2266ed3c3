"""What the trap saw, and how the server identifies it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Union

MAX_IMAGES = 1000
"""Most pictures of one run; the server takes 2000. Longer runs are thinned evenly, first and last are kept."""
Moment = Union[datetime, str]
Box = tuple[float, float, float, float]
TEXTS = {"device_id": 120, "session_id": 120, "track_status": 40}
NUMBERS = ("lens_position", "iso_sensitivity", "exposure_time")


@dataclass(frozen=True)
class Crop:
    """One picture: its bytes or where they lie, and what the detector said of it."""

    file_name: str
    source: bytes | Path
    taken_at: str | None = None
    confidence: float | None = None
    box: Box | None = None
    """x_min, y_min, x_max, y_max in the full frame, 0 to 1"""

    def read(self) -> bytes:
        """Return the bytes. Raises OSError."""
        return self.source if isinstance(self.source, bytes) else Path(self.source).read_bytes()


@dataclass(frozen=True)
class TrackingRun:
    """One insect, from appearing to leaving. Naive times are the camera's local time, and sent as they are."""

    tracking_id: str
    started_at: str
    ended_at: str
    crops: tuple[Crop, ...]
    duration_s: float | None = None
    trap: Mapping[str, Any] = field(default_factory=dict)

    def thinned(self, most: int = MAX_IMAGES) -> TrackingRun:
        """Return the run with at most ``most`` crops, evenly chosen."""
        count = len(self.crops)
        if count <= most:
            return self
        chosen = sorted({round(index * (count - 1) / (most - 1)) for index in range(most)})
        return TrackingRun(
            self.tracking_id,
            self.started_at,
            self.ended_at,
            tuple(self.crops[index] for index in chosen),
            self.duration_s,
            self.trap,
        )

    def form(self) -> dict[str, Any]:
        """Return the run as the server's JSON part ``run`` says it, without images and camera.

        A value that the server would refuse is left out: a wrong lens position is no reason to lose an insect.
        """
        form: dict[str, Any] = {
            "tracking_id": self.tracking_id[:120],
            "started_at": self.started_at,
            "ended_at": self.ended_at,
        }
        if self.duration_s is not None and math.isfinite(self.duration_s):
            form["duration_s"] = self.duration_s
        trap = clean_metadata(self.trap)
        if trap:
            form["trap"] = trap
        return form


def clean_metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trap's metadata that the server knows, in its types."""
    clean: dict[str, Any] = {
        name: str(given[name])[:most] for name, most in TEXTS.items() if given.get(name) not in (None, "")
    }
    for name in NUMBERS:
        number = finite(given.get(name))
        if number is not None and abs(number) < 2**31:
            clean[name] = int(number)
    return clean


def describe(crop: Crop) -> dict[str, Any]:
    """Return what is said of one crop beside its bytes."""
    said: dict[str, Any] = {"file_name": crop.file_name}
    if crop.taken_at:
        said["taken_at"] = crop.taken_at[:64]
    confidence = finite(crop.confidence)
    if confidence is not None:
        said["detection_confidence"] = min(1.0, max(0.0, confidence))
    if crop.box is not None:
        # Detectors put boxes a little over the edge (1.0002), which the server would refuse.
        corners = [finite(corner) for corner in crop.box]
        clean = [min(1.0, max(0.0, corner)) for corner in corners if corner is not None]
        if len(clean) == 4:
            said["bounding_box"] = dict(zip(("x_min", "y_min", "x_max", "y_max"), clean))
    return said


def clean_name(name: str) -> str:
    """Return a file name that means the same in a form's header and in its JSON: no folders, quotes or controls."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter if letter.isprintable() and letter not in '"%' else "_" for letter in bare)[:255] or "crop"


def finite(value: Any) -> float | None:
    """Return a number, or None for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def as_text(moment: Moment) -> str:
    """Return a moment as it is sent."""
    return moment.isoformat() if isinstance(moment, datetime) else str(moment)


def run_id_of(camera_id: str, tracking_id: str, start: str, end: str, hashes: Iterable[str]) -> str:
    """Return the id that the server gives to this run: both sides compute it from the content (proto/run.py)."""
    parts = [camera_id, tracking_id, start, end, *sorted(set(hashes))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def fault_of(data: bytes) -> str | None:
    """Return what is wrong with a picture at a glance, or None. A power cut leaves files without an end.

    The server decodes every picture and refuses the run if one is broken; this saves the run the refusal.
    """
    if not data:
        return "empty"
    if data[:3] == b"\xff\xd8\xff":
        return None if b"\xff\xd9" in data[-4096:] else "cut short (JPEG without an end)"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return None if b"IEND" in data[-4096:] else "cut short (PNG without an end)"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return None if len(data) >= 8 + int.from_bytes(data[4:8], "little") else "cut short (WebP)"
    return "no JPEG, PNG or WebP image"
