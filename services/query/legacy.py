"""The predecessor's view of a run: its table row, its run id and the names of its files. Plain code."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.query.zip_stream import distinct, safe_name

Document = Mapping[str, Any]
COLUMNS = (
    "date", "start_time", "end_time", "duration_s", "track_ID", "track_ID_imgs", "tracking_run_ID", "top1", "top1_prob",
)  # fmt: skip
FIELDS = (
    "camera_id", "tracking_id", "started_at", "ended_at", "sort_at", "local_date", "duration_s", "images.sha256",
    "images.file_name", "images.object_key", "label", "verification.label", "result.probability_mean",
    "pictures_gone",
)  # fmt: skip
DEFAULT_ZONE = "Europe/Berlin"


class Zones:
    """The time zone of each camera; of one that is not (no longer) known, the default."""

    def __init__(self, by_camera: Mapping[str, str]) -> None:
        self._zones = {camera: ZoneInfo(name) for camera, name in by_camera.items()}
        self._default = ZoneInfo(DEFAULT_ZONE)

    def local(self, run: Document, field: str) -> datetime:
        """Return one of the run's moments in its camera's time."""
        moment: datetime = run[field]
        return moment.astimezone(self._zones.get(run["camera_id"], self._default))


def tracking_run_id(run: Document, zones: Zones) -> str:
    """Return ``ID<track>-<HH-MM-SS of the end>``; a doubted clock counts from the moment of receipt."""
    return f"ID{run['tracking_id']}-{zones.local(run, 'sort_at'):%H-%M-%S}"


def track_of(tracking_run: str) -> str | None:
    """Return the track id in a tracking run id, or None where it is none."""
    head, _, clock = tracking_run.rpartition("-")
    track = "-".join(head.split("-")[:-2])
    return track[2:] if track.startswith("ID") and len(track) > 2 and clock.isdigit() else None


def row_of(run: Document, zones: Zones) -> dict[str, Any]:
    """Return the run as a row of the predecessor's table; a person's word is its class, with probability 1."""
    track = run["tracking_id"]
    result = run.get("result") or {}
    return {
        "date": run["local_date"],
        "start_time": f"{zones.local(run, 'started_at'):%H:%M:%S}",
        "end_time": f"{zones.local(run, 'sort_at'):%H:%M:%S}",
        "duration_s": int(run["duration_s"]),
        "track_ID": int(track) if track.isascii() and track.isdecimal() and len(track) < 16 else track,
        "track_ID_imgs": len(run["images"]),
        "tracking_run_ID": tracking_run_id(run, zones),
        "top1": run.get("label"),
        "top1_prob": 1.0 if run.get("verification") else round(result.get("probability_mean", 0.0), 2),
    }


def csv_line(values: list[Any]) -> bytes:
    """Return one line of a CSV table. A text that a spreadsheet would run as a formula is disarmed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([_disarmed(value) for value in values])
    return text.getvalue().encode()


def _disarmed(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "@", "\t", "\r") else value


def file_names(run: Document, zones: Zones) -> list[tuple[str, str]]:
    """Return (path in a ZIP, object key) of those of the run's images that are still kept."""
    gone = run.get("pictures_gone")
    folder = f"{run['local_date']}/{safe_name(tracking_run_id(run, zones), 'run')}"
    taken: set[str] = set()
    names = []
    for image in run["images"]:
        ending = image["object_key"].rpartition(".")[2]
        name = distinct(safe_name(image["file_name"], f"{image['sha256'][:16]}.{ending}"), taken)
        if gone is not None and image["sha256"] not in gone["kept"]:
            continue
        names.append((f"{folder}/{name}", image["object_key"]))
    return names
