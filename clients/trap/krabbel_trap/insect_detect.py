"""How the insect-detect software lays out what it saw, all generations of it.

    <data>/<day>/<session>/…metadata….csv     one line per detection
    <data>/<day>/<session>/{cropped,crop,crops}/<label>/<time>[_ID]<track>_crop.jpg

======================  ==========================================  ============================================
from                    columns                                     crop of a line
======================  ==========================================  ============================================
2022                    rec_ID, timestamp, track_ID, file_path      last part of file_path
2024                    cam_ID, rec_ID, timestamp, track_ID, …      ``<timestamp>_ID<track>_crop.jpg``
2025                    device_id, session_id, track_id,            ``<filename>_ID<track>_crop.jpg``
                        track_status, lens_position, …, filename
======================  ==========================================  ============================================

A crop without a line (the table was lost in a power cut) is found by its name. `krabbel import` reads the same layout
(krabbel/importer/insect_detect.py); a test holds both to the same run ids.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from krabbel_trap.run import Box, Crop, TrackingRun, finite

CROP_FOLDERS = ("crop", "crops", "cropped")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
DEPTH = 4
_CROP_NAME = re.compile(r"(?P<time>\d[\d_.-]+\d)_(?:ID)?(?P<track>\d+)_crop$")
_TIMES = ("%Y-%m-%d_%H-%M-%S-%f", "%Y%m%d_%H-%M-%S.%f", "%Y-%m-%d_%H-%M-%S", "%Y%m%d_%H-%M-%S")


@dataclass(frozen=True)
class SeenCrop:
    """One crop on disk, with what the table says of it."""

    path: Path
    track_id: str
    taken_at: datetime
    confidence: float | None = None
    box: Box | None = None
    trap: dict[str, Any] = field(default_factory=dict)


def read_time(text: str) -> datetime | None:
    """Return the naive local time in a table's cell or a crop's name."""
    text = text.strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for pattern in _TIMES:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - naive local time is what traps write
        except ValueError:
            continue
    return None


def sessions(root: Path) -> Iterator[Path]:
    """Yield the folders of recording sessions at or below ``root``, oldest name first."""
    base = len(root.parts)
    for folder, below, files in os.walk(str(root)):
        below.sort()
        path = Path(folder)
        if any(name in CROP_FOLDERS for name in below) or any(_is_table(name) for name in files):
            yield path
            below.clear()
        elif len(path.parts) - base >= DEPTH:
            below.clear()


def _is_table(name: str) -> bool:
    return name.endswith(".csv") and "metadata" in name


def signature(session: Path) -> tuple[int, ...]:
    """Return numbers that change when a crop or a line is added; cheap, for it is asked every few seconds."""
    folders = [session, *(session / name for name in CROP_FOLDERS)]
    folders += [path for folder in folders[1:] if folder.is_dir() for path in sorted(folder.iterdir()) if path.is_dir()]
    changed = [path.stat().st_mtime_ns for path in folders if path.is_dir()]
    return (*changed, *(path.stat().st_size for path in sorted(session.glob("*metadata*.csv"))))


def crop_files(session: Path) -> list[Path]:
    """Return all crops of a session, by name."""
    found = [
        path
        for name in CROP_FOLDERS
        for path in (session / name).rglob("*")
        if path.suffix.lower() in SUFFIXES and path.stem.endswith("_crop")
    ]
    return sorted(found, key=lambda path: path.name)


def rows(session: Path) -> Iterator[dict[str, str]]:
    """Yield the lines of a session's tables. What a power cut left of a line is passed over."""
    for path in sorted(session.glob("*metadata*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            try:
                for row in csv.DictReader(line.replace("\0", "") for line in file):
                    yield {key: value for key, value in row.items() if key and value is not None}
            except csv.Error:
                continue


def read_session(session: Path) -> dict[str, list[SeenCrop]]:
    """Return the crops that are on disk, by track, each list in the order of time."""
    files = {path.name: path for path in crop_files(session)}
    tracks: dict[str, list[SeenCrop]] = {}
    for row in rows(session):
        track_id = (row.get("track_id") or row.get("track_ID") or "").strip()
        taken_at = read_time(row.get("timestamp", ""))
        if not track_id or taken_at is None:
            continue
        path = next((files.pop(name) for name in _names(row, track_id, taken_at) if name in files), None)
        if path is not None:
            crop = SeenCrop(path, track_id, taken_at, finite(row.get("confidence")), _box(row), _trap(row))
            tracks.setdefault(track_id, []).append(crop)
    for path in files.values():
        named = _CROP_NAME.search(path.stem)
        taken_at = read_time(named["time"]) if named else None
        if named and taken_at is not None:
            tracks.setdefault(named["track"], []).append(SeenCrop(path, named["track"], taken_at))
    return {track: sorted(crops, key=lambda crop: (crop.taken_at, crop.path.name)) for track, crops in tracks.items()}


def _names(row: dict[str, str], track_id: str, taken_at: datetime) -> Iterator[str]:
    """Yield the names that a line's crop may have."""
    if row.get("file_path"):
        yield row["file_path"].replace("\\", "/").rpartition("/")[2]
    stems = [Path(row["filename"]).stem] if row.get("filename") else []
    stems.append(taken_at.strftime("%Y-%m-%d_%H-%M-%S-%f"))
    for stem in stems:
        for suffix in SUFFIXES:
            yield f"{stem}_ID{track_id}_crop{suffix}"


def _box(row: dict[str, str]) -> Box | None:
    corners = [finite(row.get(name)) for name in ("x_min", "y_min", "x_max", "y_max")]
    clean = [corner for corner in corners if corner is not None]
    return (clean[0], clean[1], clean[2], clean[3]) if len(clean) == 4 else None


def _trap(row: dict[str, str]) -> dict[str, Any]:
    said = {
        "device_id": row.get("device_id") or row.get("cam_ID"),
        "session_id": row.get("session_id") or row.get("rec_ID"),
        **{name: row.get(name) for name in ("track_status", "lens_position", "iso_sensitivity", "exposure_time")},
    }
    return {name: value for name, value in said.items() if value}


def run_of(track_id: str, crops: list[SeenCrop]) -> TrackingRun:
    """Return the run that a track's crops (in the order of time) make."""
    first, last = crops[0].taken_at, crops[-1].taken_at
    trap = next((crop.trap for crop in reversed(crops) if crop.trap), {})
    return TrackingRun(
        track_id,
        first.isoformat(),
        last.isoformat(),
        tuple(Crop(crop.path.name, crop.path, crop.taken_at.isoformat(), crop.confidence, crop.box) for crop in crops),
        (last - first).total_seconds(),
        trap,
    )
