"""Camtrap DP 1.0.2: the whole package, written while the runs go by once."""

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import datetime, tzinfo

from proto.camera import Camera
from proto.errors import Conflict
from services.query.exports.archive import Archive, Spool
from services.query.exports.camtrap_package import is_public, package
from services.query.exports.camtrap_rows import (
    deployment_row,
    layouts,
    media_rows,
    media_span,
    observation_rows,
)
from services.query.exports.item import Batches, ExportContext, ExportItem, is_doubted
from services.query.exports.observed import UNSURE_BELOW, is_unsure, observed
from services.query.exports.place import Place, place_of
from services.query.exports.stream import streamed


class CameraWithoutPlace(Conflict):
    """Camtrap DP has no place for runs of nowhere."""

    slug, title = "camera-without-place", "A camera has no coordinates"


def placed(camera_id: str, camera: Camera | None) -> tuple[Camera, Place]:
    """Return a camera with its public place.

    Raises:
        CameraWithoutPlace: it has none, or the camera is not known.
    """
    place = place_of(camera)
    if camera is None or place is None:
        raise CameraWithoutPlace(
            f"The camera {camera_id!r} has no coordinates, and Camtrap DP asks for them. Give it some, or export other "
            "cameras with ?camera=…"
        )
    return camera, place


class CamtrapWriter:
    """Media go straight into the archive; observations, which grow beside them, are spooled; the rest is small."""

    def __init__(self, context: ExportContext) -> None:
        self._context = context
        self._archive = Archive(context.created_at)
        self._observations = Spool()
        self._layouts = layouts()
        self._public = "true" if is_public(context.base_url) else "false"
        self._deployments: dict[str, tuple[Camera, Place]] = {}
        self._spans: dict[str, tuple[datetime, datetime]] = {}
        self._doubted: set[str] = set()
        self._labels: set[tuple[str, bool]] = set()
        self._runs = 0
        self._demo = False

    def begin(self) -> bytes:
        """Begin the table of media, and that of observations beside it."""
        _, media, observations = self._layouts
        self._observations.write(observations.header().encode())
        return self._archive.begin("media.csv") + self._archive.write(media.header().encode())

    def add(self, items: Sequence[ExportItem]) -> bytes:
        """Write the rows of some runs."""
        _, media, observations = self._layouts
        context = self._context
        zones: dict[str, tzinfo] = {}
        media_lines, observation_lines = [], []
        for item in items:
            camera_id = item.run.camera_id
            zone = zones.get(camera_id) or zones.setdefault(camera_id, context.zone(camera_id))
            self._note(item)
            media_lines.append(media.text(media_rows(item, context, zone, public=self._public)))
            observation_lines.append(observations.text(observation_rows(item, zone)))
        self._observations.write("".join(observation_lines).encode())
        return self._archive.write("".join(media_lines).encode())

    def end(self) -> Iterator[bytes]:
        """Yield the end of the media, the observations, the deployments and the description."""
        yield self._archive.finish()
        yield from self._archive.spooled("observations.csv", self._observations)
        deployments = self._layouts[0]
        rows = [
            deployment_row(
                camera, place, self._spans[camera_id], self._context.zone(camera_id), doubted=camera_id in self._doubted
            )
            for camera_id, (camera, place) in sorted(self._deployments.items())
        ]
        yield self._archive.table("deployments.csv", (deployments.header() + deployments.text(rows)).encode())
        spans = [
            moment.astimezone(self._context.zone(camera_id)).date()
            for camera_id, span in self._spans.items()
            for moment in span
        ] or [self._context.created_at.date()]
        described = package(
            self._context,
            self._deployments,
            (min(spans), max(spans)),
            self._names(),
            runs=self._runs,
            demo=self._demo,
        )
        text = json.dumps(described, ensure_ascii=False, indent=2)
        yield self._archive.table("datapackage.json", text.encode())
        yield self._archive.end()

    def close(self) -> None:
        """Remove the temporary file."""
        self._observations.close()

    def _note(self, item: ExportItem) -> None:
        """Remember what the deployments and the coverage need of a run."""
        run = item.run
        self._runs += 1
        start, end = media_span(run)
        known = self._spans.get(run.camera_id)
        if known is None:
            self._deployments[run.camera_id] = placed(run.camera_id, self._context.cameras.get(run.camera_id))
            self._spans[run.camera_id] = (start, end)
        elif start < known[0] or end > known[1]:
            self._spans[run.camera_id] = (min(start, known[0]), max(end, known[1]))
        if is_doubted(run):
            self._doubted.add(run.camera_id)
        if run.result is not None:
            self._labels.add((run.label or "", is_unsure(run)))
            self._demo = self._demo or run.result.demo_model
        if item.verdict:
            for label, probability, _ in item.verdict.images.values():
                if label:
                    self._labels.add((label, probability < UNSURE_BELOW))

    def _names(self) -> dict[str, str]:
        """Return the rank of each name that was observed."""
        seen = [observed(label, unsure=unsure) for label, unsure in self._labels]
        return {name: rank for kind, name, rank in seen if kind == "animal"}


def camtrap(batches: Batches, context: ExportContext) -> AsyncGenerator[bytes, None]:
    """Yield the package as a ZIP archive."""
    return streamed(CamtrapWriter(context), batches)
