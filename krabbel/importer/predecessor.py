"""The predecessor's data folder: ``classification_data.csv`` and pictures at ``<date>/<tracking_run_ID>/``.

Oldest tables have no column tracking_run_ID; its pictures lie in a folder named after the moment of receipt, a little
after the end. Folders that no line of the table names (the classification crashed after the pictures were stored) are
runs too, without a label.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from krabbel.importer.found import Candidate, Finding, Findings, Label, Skipped, pictures_in
from services.ingest.clock import parse_time

TABLE = "classification_data.csv"
NEEDED = {"end_time", "track_id"}
RECEIVED_WITHIN = timedelta(minutes=2)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_RUN = re.compile(r"ID(?P<track>.+)-(?P<time>\d{2}-\d{2}-\d{2})")


def table_of(folder: Path) -> Path | None:
    """Return the table in a folder, or in its sub-folder ``data``; None if this is no folder of the predecessor."""
    return next((path for path in (folder / TABLE, folder / "data" / TABLE) if path.is_file()), None)


def find_runs(table: Path) -> Findings:
    """Yield the runs of a folder."""
    root = table.parent
    taken: dict[Path, str] = {}
    for place, row in _rows(table):
        finding = _of_row(root, place, row)
        if isinstance(finding, Candidate):
            folder = finding.files[0].parent
            if folder in taken:
                finding = Skipped(place, "pictures belong to another line", f"{_shown(root, folder)}: {taken[folder]}")
            else:
                taken[folder] = place
        yield finding
    for day in sorted(path for path in root.iterdir() if path.is_dir() and _DAY.fullmatch(path.name)):
        for folder in sorted(path for path in day.iterdir() if path.is_dir() and path not in taken):
            yield _of_folder(root, folder)


def _rows(table: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(line.replace("\0", "") for line in file)
        try:
            for row in reader:
                cells = {key.strip().lower(): value.strip() for key, value in row.items() if key and value is not None}
                yield f"{TABLE}, line {reader.line_num}", cells
        except csv.Error as error:
            yield f"{TABLE}, line {reader.line_num}", {"error": str(error)}


def _of_row(root: Path, place: str, row: dict[str, str]) -> Finding:
    missing = sorted(name for name in NEEDED if not row.get(name))
    if missing:
        return Skipped(place, "malformed line", f"no {' and no '.join(missing)}")
    track = row["track_id"].removesuffix(".0")  # pandas writes whole numbers so where one is missing
    start, end = _with_day(row.get("start_time", ""), row), _with_day(row["end_time"], row)
    ended = parse_time(end)
    if ended is None:
        return Skipped(place, "malformed line", f"end_time {row['end_time'][:40]!r} is no time")
    folder = _folder(root, row, track, ended.replace(tzinfo=None))
    if folder is None:
        return Skipped(
            place, "pictures are missing", f"no folder {_name(row, track, ended)} below {row.get('date', '')}"
        )
    try:
        files = pictures_in(folder)
    except OSError as error:
        return Skipped(place, "pictures cannot be read", f"{_shown(root, folder)}: {error.strerror}")
    if not files:
        return Skipped(place, "pictures are missing", f"{_shown(root, folder)} holds none")
    label, note = _label(row)
    return Candidate(
        place=place,
        tracking_id=track,
        start=start or end,
        end=end,
        files=files,
        duration=row.get("duration_s") or None,
        label=label,
        notes=(note,) if note else (),
    )


def _with_day(text: str, row: dict[str, str]) -> str:
    """A time of day alone gets the line's date."""
    if text and parse_time(text) is None and parse_time(f"{row.get('date', '')} {text}") is not None:
        return f"{row['date']} {text}"
    return text


def _name(row: dict[str, str], track: str, ended: datetime) -> str:
    return row.get("tracking_run_id") or f"ID{track}-{ended:%H-%M-%S}"


def _folder(root: Path, row: dict[str, str], track: str, ended: datetime) -> Path | None:
    """Return a line's folder of pictures. What the table says is a name, never a way out of the data folder."""
    day_name = row.get("date") or f"{ended:%Y-%m-%d}"
    name = _name(row, track, ended)
    if not _DAY.fullmatch(day_name) or Path(name).name != name:
        return None
    folder = root / day_name / name
    if folder.is_dir():
        return folder if folder.resolve().is_relative_to(root.resolve()) else None
    if row.get("tracking_run_id"):
        return None
    near: list[tuple[timedelta, Path]] = []
    for path in (root / day_name).glob(f"ID{track}-*"):
        received = _received(path)
        if received is not None and timedelta() <= received - ended <= RECEIVED_WITHIN:
            near.append((received - ended, path))
    return min(near)[1] if near else None


def _received(folder: Path) -> datetime | None:
    named = _RUN.fullmatch(folder.name)
    return parse_time(f"{folder.parent.name}_{named['time']}") if named else None


def _label(row: dict[str, str]) -> tuple[Label | None, str]:
    name = row.get("top1", "")
    try:
        probability = float(row.get("top1_prob", ""))
    except ValueError:
        probability = math.nan
    if not name or name.lower() == "nan":
        return None, "the line has no label"
    if not 0 <= probability <= 1:
        return None, f"top1_prob {row.get('top1_prob', '')[:20]!r} is no probability"
    return Label(name[:120], probability), ""


def _of_folder(root: Path, folder: Path) -> Finding:
    """Return the run in a folder that the table does not name; its times are those in the pictures' names."""
    place, named = _shown(root, folder), _RUN.fullmatch(folder.name)
    if named is None:
        return Skipped(place, "no folder of a run", "its name is not like ID17-10-00-09")
    try:
        files = pictures_in(folder)
    except OSError as error:
        return Skipped(place, "pictures cannot be read", str(error.strerror))
    if not files:
        return Skipped(place, "pictures are missing", "the folder is empty, and the table does not name it")
    times = sorted(_times(files)) or [moment for moment in [_received(folder)] if moment is not None]
    start, end = (str(times[0]), str(times[-1])) if times else ("", "")
    note = ("the table does not name this folder: imported without a label",)
    return Candidate(place=place, tracking_id=named["track"], start=start, end=end, files=files, notes=note)


def _times(files: Iterable[Path]) -> Iterator[datetime]:
    for path in files:
        moment = parse_time(path.name)
        if moment is not None:
            yield moment


def _shown(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()
