"""Camtrap DP 1.0.2: the whole package, written while the runs go by once."""

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import date, tzinfo

from proto.camera import Camera
from proto.errors import Conflict
from services.query.exports.archive import Archive, Spool
from services.query.exports.camtrap_package import is_public, package
from services.query.exports.camtrap_rows import (
    DeploymentRow,
    deployment_row,
    is_unsure,
    layouts,
    media_cells,
    observation_cells,
)
from services.query.exports.event import Event, EventBatches, interval_ms, is_doubted, kept_numbers, moment_of, span_ms
from services.query.exports.item import ExportContext
from services.query.exports.local_clock import LocalClock
from services.query.exports.observed import UNSURE_BELOW, observed
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


class Deployment:
    """A camera's part of the package: what its table's row needs, and its clock."""

    __slots__ = ("camera", "clock", "doubted", "first_ms", "last_ms", "place")

    def __init__(self, camera: Camera, place: Place, clock: LocalClock, first_ms: int) -> None:
        self.camera, self.place, self.clock = camera, place, clock
        self.first_ms = self.last_ms = first_ms
        self.doubted = False

    def note(self, event: Event, start_ms: int, end_ms: int) -> None:
        """Last as long as a run, which came and left at these moments, and its pictures."""
        if event.clock_flags and is_doubted(event):
            self.doubted = True
        start_ms, end_ms = span_ms(event, start_ms, end_ms)
        if start_ms < self.first_ms:
            self.first_ms = start_ms
        if end_ms > self.last_ms:
            self.last_ms = end_ms

    def row(self) -> DeploymentRow:
        """Return its row."""
        span = (self.first_ms, self.last_ms)
        return deployment_row(self.camera, self.place, span, self.clock, doubted=self.doubted)

    def days(self) -> tuple[date, date]:
        """Return its first and last local day."""
        first, last = (moment_of(ms).astimezone(self.clock.zone).date() for ms in (self.first_ms, self.last_ms))
        return first, last


class CamtrapWriter:
    """Media go straight into the archive; observations, which grow beside them, are spooled; the rest is small."""

    def __init__(self, context: ExportContext) -> None:
        self._context = context
        self._archive = Archive(context.created_at)
        self._observations = Spool()
        self._layouts = layouts()
        self._addresses = context.image_url("")
        self._public = "true" if is_public(context.base_url) else "false"
        self._deployments: dict[str, Deployment] = {}
        self._clocks: dict[tzinfo, LocalClock] = {}
        self._labels: set[tuple[str, bool]] = set()
        self._runs = 0
        self._demo = False

    def begin(self) -> bytes:
        """Begin the table of media, and that of observations beside it."""
        _, media, observations = self._layouts
        self._observations.write(observations.header().encode())
        return self._archive.begin("media.csv") + self._archive.write(media.header().encode())

    def add(self, items: Sequence[Event]) -> bytes:
        """Write the rows of some runs."""
        _, media, observations = self._layouts
        of_media: list[str] = []
        of_observations: list[str] = []
        for event in items:
            start_ms, end_ms = interval_ms(event)
            deployment = self._deployments.get(event.camera_id) or self._meet(event.camera_id, start_ms)
            deployment.note(event, start_ms, end_ms)
            self._note(event)
            clock = deployment.clock
            start, end = clock.stamp(start_ms), clock.stamp(end_ms)
            of_media += media_cells(event, clock, start, self._addresses, self._public)
            of_observations += observation_cells(event, clock, start, end)
        self._runs += len(items)
        self._observations.write(observations.lines(of_observations).encode())
        return self._archive.write(media.lines(of_media).encode())

    def end(self) -> Iterator[bytes]:
        """Yield the end of the media, the observations, the deployments and the description."""
        yield self._archive.finish()
        yield from self._archive.spooled("observations.csv", self._observations)
        table = self._layouts[0]
        rows = [deployment.row() for _, deployment in sorted(self._deployments.items())]
        yield self._archive.table("deployments.csv", (table.header() + table.text(rows)).encode())
        days = [day for deployment in self._deployments.values() for day in deployment.days()]
        days = days or [self._context.created_at.date()]
        described = package(
            self._context,
            {camera_id: (deployment.camera, deployment.place) for camera_id, deployment in self._deployments.items()},
            (min(days), max(days)),
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

    def _meet(self, camera_id: str, first_ms: int) -> Deployment:
        """Begin a camera's deployment."""
        camera, place = placed(camera_id, self._context.cameras.get(camera_id))
        zone = self._context.zone(camera_id)
        clock = self._clocks.get(zone) or self._clocks.setdefault(zone, LocalClock(zone))
        made = self._deployments[camera_id] = Deployment(camera, place, clock, first_ms)
        return made

    def _note(self, event: Event) -> None:
        """Remember what the description needs of a run."""
        if event.model_id is not None:
            self._labels.add((event.label or "", is_unsure(event)))
            self._demo = self._demo or bool(event.demo_model)
        if event.said:
            labels, probabilities = event.said.labels, event.said.probabilities
            for number in kept_numbers(event):
                label = labels[number]
                if label:
                    self._labels.add((label, (probabilities[number] or 0.0) < UNSURE_BELOW))

    def _names(self) -> dict[str, str]:
        """Return the rank of each name that was observed."""
        seen = [observed(label, unsure=unsure) for label, unsure in self._labels]
        return {name: rank for kind, name, rank in seen if kind == "animal"}


def camtrap(batches: EventBatches, context: ExportContext) -> AsyncGenerator[bytes, None]:
    """Yield the package as a ZIP archive."""
    return streamed(CamtrapWriter(context), batches)
