"""One run in one file: an uncompressed ZIP with ``run.json`` and the pictures.

One file, since each file costs an SD card an fsync, and a ZIP, since a person with a refused run wants to look into it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from krabbel_trap.errors import BrokenEntry, NothingToSend
from krabbel_trap.failpoints import reach
from krabbel_trap.run import Crop, TrackingRun, clean_name, describe, fault_of, run_id_of

MANIFEST = "run.json"
SUFFIX = ".zip"


@dataclass
class Entry:
    """A run that waits in the spool. Ordered by its name, which begins with the time of its arrival."""

    path: Path
    fresh: bool = False
    """Certainly never sent before: the server need not be asked first."""
    failures: int = 0
    due: float = 0.0
    """time.monotonic() before which it is not tried again"""
    _manifest: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def content_id(self) -> str:
        """Hash of the run's content; the same run spooled twice has the same."""
        return self.path.stem.partition("-")[2]

    @property
    def byte_size(self) -> int:
        """Size of the file; 0 where it is gone."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def manifest(self) -> dict[str, Any]:
        """Return what the file says of itself.

        Raises:
            BrokenEntry: it cannot be read.
        """
        if self._manifest is None:
            try:
                with zipfile.ZipFile(str(self.path)) as archive:
                    self._manifest = json.loads(archive.read(MANIFEST).decode("utf-8"))
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                raise BrokenEntry(f"{self.path.name}: {error}") from error
        return self._manifest

    def form(self, camera_id: str | None) -> dict[str, Any]:
        """Return the JSON part ``run`` of an upload."""
        manifest = self.manifest()
        form = dict(manifest["run"], images=[image["said"] for image in manifest["images"]])
        return dict(form, camera_id=camera_id) if camera_id else form

    def run_id(self, camera_id: str) -> str:
        """Return the id that the run has on the server, for this camera."""
        manifest = self.manifest()
        run = manifest["run"]
        hashes = [image["sha256"] for image in manifest["images"]]
        return run_id_of(camera_id, run["tracking_id"], run["started_at"], run["ended_at"], hashes)

    def pictures(self) -> Iterator[tuple[str, int, IO[bytes]]]:
        """Yield file name, size and stream of each picture. Raises BrokenEntry."""
        images = self.manifest()["images"]
        try:
            with zipfile.ZipFile(str(self.path)) as archive:
                for image in images:
                    with archive.open(image["member"]) as stream:
                        yield image["said"]["file_name"], image["byte_size"], stream
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise BrokenEntry(f"{self.path.name}: {error}") from error

    def without(self, file_name: str) -> TrackingRun:
        """Return the run without one picture, the others read into memory. Raises BrokenEntry."""
        manifest = self.manifest()
        said = {image["said"]["file_name"]: image["said"] for image in manifest["images"]}
        crops = tuple(_crop(said[name], stream.read()) for name, _, stream in self.pictures() if name != file_name)
        run = manifest["run"]
        return TrackingRun(
            run["tracking_id"], run["started_at"], run["ended_at"], crops, run.get("duration_s"), run.get("trap", {})
        )


def _crop(said: dict[str, Any], data: bytes) -> Crop:
    box = said.get("bounding_box")
    corners = (box["x_min"], box["y_min"], box["x_max"], box["y_max"]) if box else None
    return Crop(said["file_name"], data, said.get("taken_at"), said.get("detection_confidence"), corners)


def write_entry(path: Path, run: TrackingRun) -> str:
    """Write a run into a new file, durably, and return its content id.

    Pictures that are unusable at a glance are left out and named in the manifest.

    Raises:
        NothingToSend: no picture is left.
        OSError: the disk is full, or broken.
    """
    images: list[dict[str, Any]] = []
    left_out: list[dict[str, str]] = []
    names: set[str] = set()
    with path.open("xb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for number, crop in enumerate(run.thinned().crops):
                try:
                    data = crop.read()
                    fault = fault_of(data)
                except OSError as error:
                    data, fault = b"", f"unreadable ({error.strerror})"
                if fault is not None:
                    left_out.append({"file_name": crop.file_name, "reason": fault})
                    continue
                # Names tie what is said to the picture, so each must be there once.
                name = clean_name(crop.file_name)
                name = name if name not in names else f"{number}_{name}"
                names.add(name)
                member = f"{number:04d}_{''.join(c if c.isalnum() or c in '.-_' else '_' for c in name)[-100:]}"
                archive.writestr(member, data)
                said = dict(describe(crop), file_name=name)
                sha256 = hashlib.sha256(data).hexdigest()
                images.append({"member": member, "sha256": sha256, "byte_size": len(data), "said": said})
            if not images:
                reasons = sorted({fault["reason"] for fault in left_out}) or ["there is none"]
                raise NothingToSend(f"Track {run.tracking_id} has no usable picture: {', '.join(reasons)}.")
            manifest = {"version": 1, "run": run.form(), "images": images, "left_out": left_out}
            archive.writestr(MANIFEST, json.dumps(manifest))
        file.flush()
        reach("before-fsync")
        os.fsync(file.fileno())
    form = manifest["run"]
    hashes = [image["sha256"] for image in images]
    return run_id_of("", form["tracking_id"], form["started_at"], form["ended_at"], hashes)  # type: ignore[index]
