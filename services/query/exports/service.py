"""What an export of a selection is: checked, read and written. Used by the route that streams and by the jobs."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from proto.errors import NotFound
from services.chassis.cameras import Cameras
from services.chassis.database import Database
from services.chassis.object_store import ObjectStore
from services.query.exports.camtrap import placed
from services.query.exports.item import Dataset, ExportContext
from services.query.exports.reader import ExportReader
from services.query.exports.registry import EXPORTS, ExportFormat
from services.query.pictures import Pictures
from services.query.run_filter import RunFilter


class FormatNotFound(NotFound):
    """Nobody writes this format."""

    slug, title = "format-not-found", "There is no such export format"


def format_of(name: str) -> ExportFormat:
    """Return a format by its name.

    Raises:
        FormatNotFound: there is none.
    """
    if name not in EXPORTS:
        raise FormatNotFound(f"{name[:40]!r} is no export format; there are: {', '.join(EXPORTS)}.")
    return EXPORTS[name]


class Tally:
    """How many runs went by."""

    def __init__(self) -> None:
        self.runs = 0


class ExportService:
    """Writes exports."""

    def __init__(self, database: Database, store: ObjectStore, cameras: Cameras, dataset: Dataset) -> None:
        self.reader = ExportReader(database)
        self._cameras = cameras
        self._dataset = dataset
        self._pictures = Pictures(store, 0)  # without a memory: an export would drive out what people look at
        try:
            self._version = version("krabbel")
        except PackageNotFoundError:
            self._version = "0"

    async def check(self, wanted: ExportFormat, selection: RunFilter) -> None:
        """Return if the export can be made: better to refuse now than to break off in the middle.

        Raises:
            CameraWithoutPlace: the format asks for coordinates, and a selected camera with runs has none.
        """
        if not wanted.places:
            return
        for camera in await self._cameras.all():
            selected = not selection.cameras or camera.camera_id in selection.cameras
            without = camera.latitude is None or camera.longitude is None
            if selected and without and await self.reader.any(selection.of_cameras((camera.camera_id,))):
                placed(camera.camera_id, camera)

    async def write(self, wanted: ExportFormat, selection: RunFilter, tally: Tally) -> AsyncGenerator[bytes, None]:
        """Yield the file; ``tally`` tells meanwhile how far it is."""
        cameras = {camera.camera_id: camera for camera in await self._cameras.all()}
        context = ExportContext(cameras, datetime.now(UTC), self._dataset, self._pictures.get, self._version)
        async with aclosing(self._batches(wanted, selection)) as batches:

            async def counted() -> AsyncIterator[Sequence[Any]]:
                async for items in batches:
                    tally.runs += len(items)
                    yield items

            async with aclosing(wanted.write(counted(), context)) as pieces:
                async for piece in pieces:
                    yield piece

    def _batches(self, wanted: ExportFormat, selection: RunFilter) -> AsyncGenerator[Sequence[Any], None]:
        if wanted.events:
            return self.reader.events(selection)
        return self.reader.batches(selection, per_image=wanted.per_image)
