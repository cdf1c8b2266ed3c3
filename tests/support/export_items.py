"""Runs and contexts for the tests of exports, and how to collect what an export yields."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from proto.camera import Camera
from proto.classification import Certainty
from proto.retention import PicturesGone, RetentionRule
from proto.run import ClockFlag, TrackingRun
from proto.taxonomy import taxonomy
from proto.verification import Verdict as PersonVerdict
from proto.verification import Verification
from services.query.exports.camtrap_rows import ObservationRow, observation_cells
from services.query.exports.event import event_of, interval_ms
from services.query.exports.item import Dataset, ExportContext, ExportItem, ImageVerdict, Verdict, zone_of
from services.query.exports.local_clock import LocalClock
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


def verified(item: ExportItem, label: str) -> ExportItem:
    """Return the run with a person's word."""
    machine = item.run.result.label if item.run.result else ""
    word = Verification(
        label=label,
        is_insect=not label.startswith("none_"),
        verdict=PersonVerdict.CONFIRMED if label == machine else PersonVerdict.CORRECTED,
        verified_by="Maja",
        verified_at=datetime(2026, 7, 2, 12, tzinfo=UTC),
    )
    return item._replace(run=item.run.model_copy(update={"verification": word}))


def varied_items() -> list[ExportItem]:
    """All 27 classes sure and unclear, a foreign class, unclassified and failed runs, odd clocks, two cameras."""
    items = [an_item(number, label, images=1 + number % 4) for number, label in enumerate(taxonomy())]
    items += [
        an_item(100 + number, label, certainty=Certainty.UNCLEAR, probability=0.3)
        for number, label in enumerate(taxonomy())
    ]
    items.append(an_item(200, "moth_big", camera="roof-1"))
    items.append(ExportItem(a_run(201, images=2)))
    failed = a_run(202, camera="roof-1").model_copy(update={"status_reason": 'no "image", could\nbe read'})
    items.append(ExportItem(failed))
    for number, flag in enumerate(ClockFlag):
        run = a_run(300 + number, images=2, clock_flags=(flag,))
        odd = {"ended_at": run.started_at - timedelta(hours=3), "duration_s": -10_800.0, "sort_at": run.received_at}
        items.append(an_item(run=run.model_copy(update=odd)))
    # The same picture twice in a run, a file name that needs quotes, and a picture taken before the start.
    run = a_run(400, images=2)
    twin = run.images[0].model_copy(update={"file_name": 'a, "b"\r\n.jpg', "taken_at": run.started_at - timedelta(1)})
    items.append(an_item(run=run.model_copy(update={"images": (twin, twin)})))
    # The night that changes the clocks: 02:59:59 in summer time, then 02:00:01 in winter time.
    autumn = START.replace(month=10, day=25, hour=1, minute=0, second=1)
    items.append(an_item(500, at=autumn, duration_s=3.0))
    # People's words: on a sure run, an unsure one, one that no model saw, and what they call empty.
    words = (("bee", "bee"), ("fly", "wasp"), ("wasp", "none_dirt"))
    for number, (label, word) in enumerate(words):
        items.append(verified(an_item(600 + number, label, certainty=Certainty.UNCLEAR, probability=0.3), word))
    items.append(verified(ExportItem(a_run(610)), "bee_apis"))
    # Pictures that retention removed, all and some.
    for number in range(2):
        item = an_item(630 + number, images=3)
        kept = tuple(image.sha256 for image in item.run.images[1:2]) * number
        mark = PicturesGone(
            at=NOW,
            rule=RetentionRule.FALSE_SIGHTINGS,
            why="they, were old",
            pictures=3 - number,
            byte_size=1,
            kept=kept,
        )
        items.append(item._replace(run=item.run.model_copy(update={"pictures_gone": mark})))
    # A demonstration model, a hostile track id, and pictures of which no model could read one and nobody saw another.
    demo = an_item(620, "fly", images=3)
    assert demo.run.result is not None
    result = demo.run.result.model_copy(update={"demo_model": True, "best_image": None})
    first, second, _ = (image.sha256 for image in demo.run.images)
    said = {first: ImageVerdict("fly", 0.499999), second: ImageVerdict("", 0.0, 'broken, "very"')}
    run = demo.run.model_copy(update={"result": result, "tracking_id": "7 | label:wasp "})
    return [*items, ExportItem(run, Verdict("demo@1", said))]


VARIED_CAMERAS = (
    a_camera(),
    a_camera("roof-1", coordinate_uncertainty_m=1000.0, licence="All rights reserved!", credit=""),
)


def verdict_document(item: ExportItem) -> dict[str, Any]:
    """Return a run's verdict as the database keeps it, but for what exports do not read."""
    assert item.verdict is not None
    images = [
        {
            "sha256": sha256,
            "top": [{"label": said.label, "probability": said.probability}] if said.label else [],
            "error": said.error or None,
        }
        for sha256, said in item.verdict.images.items()
    ]
    model_id = item.verdict.model_id if item.run.result is None else item.run.result.model_id
    own = {"_id": f"{item.run.run_id}:{model_id}", "run_id": item.run.run_id}
    return own | {"model_id": item.verdict.model_id, "images": images}


def exported(name: str, items: Sequence[ExportItem], context: ExportContext | None = None, batch: int = 3) -> bytes:
    """Return the whole file."""

    given: Sequence[Any] = [event_of(item) for item in items] if EXPORTS[name].events else items

    async def batches() -> AsyncIterator[Sequence[Any]]:
        for first in range(0, len(given), batch):
            yield given[first : first + batch]

    async def collect() -> bytes:
        return b"".join([piece async for piece in EXPORTS[name].write(batches(), context or a_context())])

    return asyncio.run(collect())


def observation_rows(item: ExportItem) -> list[ObservationRow]:
    """Return a run's rows in Camtrap DP's observations, for a camera in Berlin."""
    event, clock = event_of(item), LocalClock(zone_of("Europe/Berlin"))
    start, end = (clock.stamp(ms) for ms in interval_ms(event))
    cells, width = observation_cells(event, clock, start, end), len(ObservationRow._fields)
    return [ObservationRow(*cells[at : at + width]) for at in range(0, len(cells), width)]


def unpacked(data: bytes, folder: Path) -> Path:
    """Unpack an archive, checking every member's sum, and return the folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder
