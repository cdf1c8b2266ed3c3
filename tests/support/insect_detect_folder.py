"""Writes recording sessions as three generations of the insect-detect software lay them out. Python 3.9 syntax."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.stand_in_ingest import jpeg

LAYOUTS = ("2022", "2024", "2025")
START = datetime.fromisoformat("2026-07-01T10:00:00.250000")
STEP = timedelta(seconds=1.125)
FIELDS = {
    "2022": "rec_ID timestamp label confidence track_ID x_min y_min x_max y_max file_path",
    "2024": "cam_ID rec_ID timestamp lens_position iso_sensitivity exposure_time label confidence track_ID "
    "x_min y_min x_max y_max",
    "2025": "device_id session_id timestamp label confidence track_id track_status x_min y_min x_max y_max "
    "lens_position iso_sensitivity exposure_time filename",
}


def stem(layout: str, moment: datetime) -> str:
    """Return how a generation writes a moment into file names."""
    text = moment.strftime("%Y%m%d_%H-%M-%S.%f" if layout == "2022" else "%Y-%m-%d_%H-%M-%S-%f")
    return f"krabbelpi_{text}" if layout == "2025" else text


def crop_path(session: Path, layout: str, moment: datetime, track: int) -> Path:
    """Return where a generation puts a crop."""
    folder = {"2022": "cropped", "2024": "crop", "2025": "crops"}[layout]
    mark = "" if layout == "2022" else "ID"
    return session / folder / "insect" / f"{stem(layout, moment)}_{mark}{track}_crop.jpg"


def write_session(data: Path, layout: str, tracks: dict[int, int], start: datetime = START) -> Path:
    """Write a session with so many crops for each track; return its folder. Pictures: ``jpeg(100 * track + n)``."""
    name = start.strftime("%Y%m%d_%H-%M" if layout == "2022" else "%Y-%m-%d_%H-%M-%S")
    session = data / name.partition("_")[0] / name
    (crop_path(session, layout, start, 0).parent).mkdir(parents=True, exist_ok=True)
    table = session / (f"metadata_{name}.csv" if layout == "2022" else f"{name}_metadata.csv")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS[layout].split(), extrasaction="ignore")
        writer.writeheader()
        for track, count in tracks.items():
            for number in range(count):
                moment = start + number * STEP
                path = crop_path(session, layout, moment, track)
                path.write_bytes(jpeg(100 * track + number))
                writer.writerow(
                    {
                        "device_id": "krabbelpi", "cam_ID": "krabbelpi", "session_id": 8, "rec_ID": 8,
                        "timestamp": stem(layout, moment) if layout == "2022" else moment.isoformat(),
                        "label": "insect", "confidence": 0.71, "track_ID": track, "track_id": track,
                        "track_status": "TRACKED", "x_min": 0.94, "y_min": 0.2, "x_max": 1.0002, "y_max": 0.24,
                        "lens_position": 121, "iso_sensitivity": 400, "exposure_time": 8.33,
                        "filename": f"{stem(layout, moment)}.jpg", "file_path": f"insect-detect/data/x/{path.name}",
                    }
                )  # fmt: skip
    return session
