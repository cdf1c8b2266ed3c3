"""How fast each export is written, and that its memory does not grow: ``python -m benchmarks.exports [--runs …]``.

Runs are generated, not read: this is the writers' speed in one process, with compression, without the database. With
``--database`` they are read from a mongod of its own, started and filled here, as the service reads them. For each
format and number of runs a fresh process is started, so that its peak memory is its own. On a busy machine the runs per
second of CPU time tell more than those per second. Prints a table; asserts nothing.
"""

import argparse
import asyncio
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from krabbel.stack import EmbeddedStack
from proto.camera import Camera
from proto.classification import Certainty, RunResult
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun, object_key_of
from proto.taxonomy import taxonomy
from services.chassis.completion import plain
from services.chassis.database import Database, Document, open_database
from services.chassis.runs import to_document
from services.chassis.settings import BackendSettings
from services.chassis.web import spare_the_collector
from services.query.exports.event import Event, event_of
from services.query.exports.item import ExportContext, ExportItem, ImageVerdict, Verdict
from services.query.exports.reader import ExportReader
from services.query.exports.registry import EXPORTS
from services.query.run_filter import RunFilter

START = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
BATCH = 500
CAMERAS = {
    f"garden-{number}": Camera(
        camera_id=f"garden-{number}",
        name=f"Garden {number}",
        place="Potsdam",
        latitude=52.39 + number / 100,
        longitude=13.09,
        credit="Redaktion",
        created_at=START,
    )
    for number in range(4)
}
TOP = ("bee", "fly", "wasp", "ant", "beetle")
PICTURE = b"\xff\xd8" + b"x" * 8000 + b"\xff\xd9"


@dataclass(slots=True)
class Making:
    """How long the making of runs took."""

    seconds: float = 0.0
    cpu: float = 0.0


def an_item(number: int, images: int) -> ExportItem:
    """Return a run, built without validation: the reader's work is not measured here."""
    labels = list(taxonomy())
    label, at = labels[number % len(labels)], START + timedelta(seconds=number * 7)
    run_id = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    hashes = [hashlib.sha256(f"{number}/{index}".encode()).hexdigest() for index in range(images)]
    result = RunResult.model_construct(
        model_id="demo@1", label=label, is_insect=True, certainty=Certainty.SURE, top1_images=images, images=images,
        probability_mean=0.91, probability_weighted=0.91, best_image=hashes[0], classified_at=at, demo_model=False,
        runner_up=None,
    )  # fmt: skip
    pictures = tuple(
        ImageReference.model_construct(
            sha256=sha256, object_key=object_key_of(run_id, sha256, "image/jpeg"),
            file_name=f"{at + timedelta(seconds=index):%Y-%m-%d_%H-%M-%S-%f}_ID{number}_crop.jpg",
            content_type="image/jpeg", byte_size=8000, width=120, height=120, taken_at=at + timedelta(seconds=index),
            detection_confidence=0.8, bounding_box=None,
        )
        for index, sha256 in enumerate(hashes)
    )  # fmt: skip
    run = TrackingRun.model_construct(
        run_id=run_id, camera_id=f"garden-{number % 4}", tracking_id=str(number % 1000), source=RunSource.API,
        started_at=at, ended_at=at + timedelta(seconds=images), duration_s=float(images), received_at=at, sort_at=at,
        local_date=at.date(), local_hour=at.hour, clock_flags=(), status=RunStatus.CLASSIFIED, status_reason=None,
        images=pictures, trap=None, queued_at=at, classified_at=at, result=result,
    )  # fmt: skip
    return ExportItem(run, Verdict("demo@1", dict.fromkeys(hashes, ImageVerdict(label, 0.91))))


async def generated(
    runs: int, images: int, making: Making, *, events: bool
) -> AsyncGenerator[Sequence[ExportItem | Event], None]:
    """Yield runs that are made here; the time that this takes is left out."""
    for first in range(0, runs, BATCH):
        started, started_cpu = time.perf_counter(), time.process_time()
        items: list[ExportItem | Event] = []
        for number in range(first, min(first + BATCH, runs)):
            item = an_item(number, images)
            items.append(event_of(item) if events else item)
        making.seconds += time.perf_counter() - started
        making.cpu += time.process_time() - started_cpu
        yield items


async def measure(name: str, runs: int, images: int, database: Database | None) -> str:
    """Write one export to nowhere and return a line of the table."""

    async def picture(_run: str, _sha256: str, _ending: str) -> bytes:
        return PICTURE

    spare_the_collector()  # as the service does
    wanted, making = EXPORTS[name], Making()
    context = ExportContext(CAMERAS, START, picture=picture)
    started, started_cpu, size = time.perf_counter(), time.process_time(), 0
    batches: AsyncGenerator[Sequence[Any], None] = generated(runs, images, making, events=wanted.events)
    if database is not None:
        reader = ExportReader(database)
        batches = (
            reader.events(RunFilter()) if wanted.events else reader.batches(RunFilter(), per_image=wanted.per_image)
        )
    async for piece in wanted.write(batches, context):
        size += len(piece)
    seconds = time.perf_counter() - started - making.seconds
    cpu = time.process_time() - started_cpu - making.cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{name:12} {runs:>9} {images:>7} {runs / seconds:>10.0f} {runs / cpu:>12.0f} {size / runs:>9.0f} {peak:>9.0f}"
    )


async def fill(database: Database, runs: int, images: int) -> None:
    """Write runs and their verdicts, unless they are there."""
    if await database.runs.estimated_document_count() == runs:
        return
    await database.ensure_indexes()
    for first in range(0, runs, BATCH):
        items = [an_item(number, images) for number in range(first, min(first + BATCH, runs))]
        await database.runs.insert_many([to_document(item.run) for item in items], ordered=False)
        await database.classifications.insert_many([_verdict_document(item) for item in items], ordered=False)


def _verdict_document(item: ExportItem) -> Document:
    assert item.run.result is not None
    said = [
        {
            "sha256": image.sha256,
            "top": [{"label": label, "probability": 0.91 / (1 + place)} for place, label in enumerate(TOP)],
            "error": None,
        }
        for image in item.run.images
    ]
    document = {"run_id": item.run.run_id, "model_id": "demo@1", "result": item.run.result.model_dump(), "images": said}
    return plain(document | {"_id": f"{item.run.run_id}:demo@1"})  # type: ignore[no-any-return]


async def _with_database(url: str, name: str, runs: int, images: int, *, only_fill: bool) -> None:
    settings = BackendSettings(mongo_url=SecretStr(url), mongo_database=f"exports_{runs}_{images}")
    async with open_database(settings, timeout_s=60) as database:
        if only_fill:
            await fill(database, runs, images)
        else:
            print(await measure(name, runs, images, database))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--images", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--formats", nargs="+", default=[name for name in EXPORTS if name != "zip"])
    parser.add_argument("--database", action="store_true", help="Read the runs from a database")
    parser.add_argument("--folder", type=Path, default=None, help="Where the database is kept for the next time")
    parser.add_argument("--one", default="", help="Do one step in this process (used by the program)")
    given = parser.parse_args()
    if given.one:
        name, runs, images = given.formats[0], given.runs[0], given.images[0]
        if given.one == "generated":
            print(asyncio.run(measure(name, runs, images, None)))
        else:
            asyncio.run(_with_database(os.environ["BENCH_URL"], name, runs, images, only_fill=given.one == "fill"))
        return
    with ExitStack() as cleanup:
        env, one = dict(os.environ), "generated"
        if given.database:
            folder = given.folder or Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
            stack = cleanup.enter_context(EmbeddedStack(folder / "stack", ("database",)))
            env["BENCH_URL"], one = stack.env["KRABBEL_MONGO_URL"], "database"

        def step(what: str, name: str, runs: int, images: int) -> None:
            wanted = ["--formats", name, "--images", str(images), "--runs", str(runs), "--one", what]
            subprocess.run([sys.executable, "-m", "benchmarks.exports", *wanted], check=True, env=env)

        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(
            f"{'format':12} {'runs':>9} {'images':>7} {'runs/s':>10} {'runs/cpu-s':>12} {'bytes/run':>9} "
            f"{'peak MiB':>9}",
            flush=True,
        )
        for images in given.images:
            for runs in given.runs:
                if given.database:
                    step("fill", given.formats[0], runs, images)
                for name in given.formats:
                    step(one, name, runs, images)


if __name__ == "__main__":
    main()
