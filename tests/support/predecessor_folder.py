"""Writes a data folder as the predecessor leaves it behind."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.deployed_trap import crop_name
from tests.support.stand_in_ingest import jpeg

COLUMNS = (
    "date", "start_time", "end_time", "duration_s", "track_ID", "track_ID_imgs", "tracking_run_ID", "top1", "top1_prob"
)  # fmt: skip
START = datetime.fromisoformat("2024-05-15T10:00:00.123456")
STEP = timedelta(seconds=1)


def row_of(
    track: int, start: datetime, count: int, label: str = "bee_bombus", probability: object = 0.91
) -> dict[str, object]:
    """Return the table's line of a run."""
    end = start + (count - 1) * STEP
    return {
        "date": end.date(), "start_time": start, "end_time": end, "duration_s": count - 1, "track_ID": track,
        "track_ID_imgs": count, "tracking_run_ID": f"ID{track}-{end:%H-%M-%S}", "top1": label, "top1_prob": probability,
    }  # fmt: skip


def crops_of(track: int, start: datetime, count: int) -> list[tuple[str, bytes]]:
    """Return a run's crops as its trap sent them."""
    return [(crop_name(start + number * STEP, track), jpeg(track * 100 + number)) for number in range(count)]


def write_pictures(root: Path, track: int, start: datetime, count: int) -> Path:
    """Write a run's pictures where the predecessor puts them; return their folder."""
    row = row_of(track, start, count)
    folder = root / str(row["date"]) / str(row["tracking_run_ID"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in crops_of(track, start, count):
        (folder / name).write_bytes(data)
    return folder


def write_table(root: Path, rows: list[dict[str, object]], columns: tuple[str, ...] = COLUMNS) -> None:
    """Write ``classification_data.csv``."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "classification_data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_folder(root: Path, runs: int = 3, count: int = 3) -> Path:
    """Write a whole folder of so many runs; return it."""
    rows = []
    for track in range(1, runs + 1):
        start = START + track * timedelta(minutes=7)
        write_pictures(root, track, start, count)
        rows.append(row_of(track, start, count, ("bee_bombus", "ant", "none_bg")[track % 3]))
    write_table(root, rows)
    return root
