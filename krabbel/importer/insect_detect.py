"""Recording sessions of the insect-detect software, all generations of its layout.

    <day>/<session>/…metadata….csv                                         one line per detection
    <day>/<session>/{cropped,crop,crops}/<label>/<time>[_ID]<track>_crop.jpg

A track is a run. The trap client reads the same layout (clients/trap/krabbel_trap/insect_detect.py, a distribution of
its own for Python 3.9); a test holds both to the same run ids, so that an SD card whose trap has uploaded it imports
nothing.
"""

import csv
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from krabbel.importer.found import SUFFIXES, Candidate, Findings, Skipped
from proto.run import TrapMetadata
from services.ingest.acceptance import ImageForm, TrapForm
from services.ingest.clock import parse_time

CROP_FOLDERS = ("crop", "crops", "cropped")
DEPTH = 6
BOX = ("x_min", "y_min", "x_max", "y_max")
_CROP_NAME = re.compile(r"(?P<time>\d[\d_.-]+\d)_(?:ID)?(?P<track>\d+)_crop$")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})_(\d{2})-(\d{2})-(\d{2})(\.\d+)?")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeenCrop:
    """One crop on disk, and its line of the table."""

    path: Path
    taken_at: datetime
    row: Row


def sessions(root: Path) -> Iterator[Path]:
    """Yield the folders of sessions at or below ``root``."""
    for name, below, files in os.walk(root):
        folder = Path(name)
        below.sort()
        if any(crop in below for crop in CROP_FOLDERS) or any(_is_table(file) for file in files):
            yield folder
            below.clear()
        elif len(folder.relative_to(root).parts) >= DEPTH:
            below.clear()


def find_runs(root: Path) -> Findings:
    """Yield the runs of all sessions."""
    for session in sessions(root):
        shown = session.relative_to(root).as_posix() if session != root else session.name
        files = {path.name: path for path in _crops(session)}
        tracks: dict[str, list[SeenCrop]] = {}
        without: dict[str, int] = {}
        for line, row in _rows(session):
            track = (row.get("track_id") or row.get("track_ID") or "").strip()
            taken_at = read_time(row.get("timestamp", ""))
            if not track or taken_at is None:
                yield Skipped(f"{shown}, line {line}", "malformed line", "no track id" if not track else "no timestamp")
                continue
            path = next((files.pop(name) for name in _names(row, track, taken_at) if name in files), None)
            if path is None:
                without[track] = without.get(track, 0) + 1
            else:
                tracks.setdefault(track, []).append(SeenCrop(path, taken_at, row))
        for path in files.values():
            named = _CROP_NAME.search(path.stem)
            taken_at = read_time(named["time"]) if named else None
            if named and taken_at is not None:
                tracks.setdefault(named["track"], []).append(SeenCrop(path, taken_at, {}))
            else:
                yield Skipped(f"{shown}/{path.name}", "picture of no track", "its name tells no track and time")
        for track, lines in without.items():
            if track not in tracks:
                yield Skipped(f"{shown}, track {track}", "pictures are missing", f"{lines} lines, no crop")
        for track, crops in tracks.items():
            yield _candidate(f"{shown}, track {track}", track, sorted(crops, key=lambda c: (c.taken_at, c.path.name)))


def _is_table(name: str) -> bool:
    return name.endswith(".csv") and "metadata" in name


def _crops(session: Path) -> list[Path]:
    found = [path for name in CROP_FOLDERS for path in (session / name).rglob("*") if path.suffix.lower() in SUFFIXES]
    return sorted((path for path in found if path.is_file() and not path.name.startswith(".")), key=lambda p: p.name)


def _rows(session: Path) -> Iterator[tuple[int, Row]]:
    """Yield line number and cells. What a power cut wrote (NUL bytes, half a line) is passed over or is malformed."""
    for table in sorted(path for path in session.glob("*.csv") if _is_table(path.name)):
        with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.DictReader(line.replace("\0", "") for line in file)
            try:
                for row in reader:
                    cells = {key: value for key, value in row.items() if key and value is not None}
                    if any(cells.values()):
                        yield reader.line_num, cells
            except csv.Error:
                continue


def read_time(text: str) -> datetime | None:
    """Return a naive local time in any generation's spelling."""
    compact = _COMPACT.fullmatch(text.strip())
    if compact:
        year, month, day, hour, minute, second, fraction = compact.groups()
        text = f"{year}-{month}-{day}T{hour}:{minute}:{second}{fraction or ''}"
    return parse_time(text)


def _names(row: Row, track: str, taken_at: datetime) -> Iterator[str]:
    """Yield the names that a line's crop may have."""
    if row.get("file_path"):
        yield row["file_path"].replace("\\", "/").rpartition("/")[2]
    stems = [Path(row["filename"]).stem] if row.get("filename") else []
    for stem in [*stems, f"{taken_at:%Y-%m-%d_%H-%M-%S-%f}"]:
        for suffix in sorted(SUFFIXES):
            yield f"{stem}_ID{track}_crop{suffix}"


def _candidate(place: str, track: str, crops: list[SeenCrop]) -> Candidate:
    first, last = crops[0].taken_at, crops[-1].taken_at
    trap = next((trap for crop in reversed(crops) if (trap := _trap(crop.row)) is not None), None)
    return Candidate(
        place=place,
        tracking_id=track,
        start=first.isoformat(),
        end=last.isoformat(),
        files=tuple(crop.path for crop in crops),
        duration=(last - first).total_seconds(),
        device=trap.device_id if trap else None,
        trap=trap,
        said=tuple(_said(crop) for crop in crops),
        # The predecessor's traps sent str(datetime), ours send ISO 8601.
        spellings=((str(first), str(last)),),
    )


def _trap(row: Row) -> TrapMetadata | None:
    """Return the trap's metadata; a cell that is none (``NA``) is left out, not a reason to skip an insect."""
    given: dict[str, Any] = {name: value for name, value in row.items() if value}
    while True:
        try:
            return TrapForm.model_validate(given).metadata()
        except ValidationError as error:
            wrong = {str(fault["loc"][0]) for fault in error.errors()} & given.keys()
            if not wrong:
                return None
            given = {name: value for name, value in given.items() if name not in wrong}


def _said(crop: SeenCrop) -> ImageForm:
    corners = [_share(crop.row.get(name)) for name in BOX]
    box = dict(zip(BOX, corners, strict=True)) if None not in corners else None
    return ImageForm.model_validate(
        {
            "file_name": crop.path.name,
            "taken_at": crop.taken_at.isoformat(),
            "detection_confidence": _share(crop.row.get("confidence")),
            "bounding_box": box,
        }
    )


def _share(text: str | None) -> float | None:
    """Return a number between 0 and 1; detectors write a little more at the frame's edge."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return min(1.0, max(0.0, number)) if math.isfinite(number) else None
