"""Runs and contexts for the tests of exports, and how to collect what an export yields."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from proto.camera import Camera
from proto.classification import Certainty
from proto.run import TrackingRun
from services.query.exports.item import Dataset, ExportContext, ExportItem, Verdict
from services.query.exports.registry import EXPORTS
from tests.support.seeds import START, a_run, a_verdict

NOW = datetime(2026, 7, 2, 12, 0, 1, tzinfo=UTC)


def a_camera(camera_id: str = "garden-1", **options: object) -> Camera:
    """Return a camera in Potsdam."""
    given = {"name": "Garten", "place": "Potsdam, Park", "latitude": 52.390612, "longitude": 13.093512}
    return Camera.model_validate(
        {"camera_id": camera_id, "created_at": START, "credit": "Redaktion", **given, **options}
    )


def a_context(*cameras: Camera, **dataset: str) -> ExportContext:
    """Return a context; its pictures are their own addresses."""

    async def picture(run_id: str, sha256: str, ending: str) -> bytes:
        return f"{run_id}/{sha256}.{ending}".encode()

    given = {"public_url": "https://insekten.example.org/", "contact_name": "Maja", "contact_email": "maja@example.org"}
    known = {camera.camera_id: camera for camera in cameras or (a_camera(),)}
    return ExportContext(known, NOW, Dataset.model_validate(given | dataset), picture, "1.2.3")


def an_item(
    number: int = 1,
    label: str = "bee",
    *,
    certainty: Certainty = Certainty.SURE,
    probability: float = 0.9,
    run: TrackingRun | None = None,
    **options: object,
) -> ExportItem:
    """Return a classified run."""
    found = run or a_run(number, **options)  # type: ignore[arg-type]
    verdict = a_verdict(found, label, certainty=certainty, probability=probability, model="flower@2.0")
    return ExportItem(found.model_copy(update={"result": verdict.result}), Verdict.of(verdict))


def exported(name: str, items: Sequence[ExportItem], context: ExportContext | None = None, batch: int = 3) -> bytes:
    """Return the whole file."""

    async def batches() -> AsyncIterator[Sequence[ExportItem]]:
        for first in range(0, len(items), batch):
            yield items[first : first + batch]

    async def collect() -> bytes:
        return b"".join([piece async for piece in EXPORTS[name].write(batches(), context or a_context())])

    return asyncio.run(collect())


def unpacked(data: bytes, folder: Path) -> Path:
    """Unpack an archive, checking every member's sum, and return the folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder
