"""A whole folder: find, take, report. The command around it is krabbel/commands/import_.py."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from krabbel.importer import insect_detect, predecessor
from krabbel.importer.cameras import CameraChoice
from krabbel.importer.found import Candidate, Finding, Skipped
from krabbel.importer.report import Report
from krabbel.importer.taking import Taker
from proto.errors import CameraNotFound
from services.chassis.broker import open_broker
from services.chassis.cameras import Cameras
from services.chassis.database import open_database
from services.chassis.object_store import open_object_store
from services.chassis.runs import Runs
from services.ingest.clock import zone_of
from services.ingest.settings import IngestSettings

AT_ONCE = 4
Progress = Callable[[int], None]
"""Told how many findings are done."""


class NothingFound(Exception):
    """The folder is of no kind that can be imported."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for."""

    folder: Path
    camera: str | None = None
    classify: bool = False
    dry_run: bool = False


def find(folder: Path) -> list[Finding]:
    """Return all that a folder holds. Blocks: it reads tables and lists folders.

    Raises:
        NothingFound: it is neither the predecessor's nor insect-detect's.
    """
    table = predecessor.table_of(folder)
    findings = list(_all(folder, table))
    if not findings and table is None:
        raise NothingFound(
            f"{folder} holds neither {predecessor.TABLE} (the predecessor's data folder) nor sessions of insect-detect "
            "(a metadata CSV, or a folder crop, crops or cropped)."
        )
    return findings


def _all(folder: Path, table: Path | None) -> Iterator[Finding]:
    if table is not None:
        yield from predecessor.find_runs(table)
    yield from insect_detect.find_runs(folder)


async def run_import(
    wish: Wish, findings: list[Finding], settings: IngestSettings, progress: Progress = lambda _: None
) -> Report:
    """Import what was found.

    Raises:
        CameraNotFound: the named camera does not exist.
        Unavailable: a store is away. Start again: what is there already is left as it is.
    """
    report = Report()
    async with (
        open_database(settings, timeout_s=15) as database,
        open_object_store(settings) as store,
        open_broker(settings) as broker,
    ):
        cameras = Cameras(database)
        choice = CameraChoice(
            await cameras.all(), wish.camera, settings.camera_name if settings.api_key is not None else None
        )
        if not wish.dry_run:
            await store.ensure_bucket()
            await database.ensure_indexes()
        taker = Taker(store, Runs(database), broker, settings, classify=wish.classify, dry_run=wish.dry_run)
        places = iter(findings)

        async def work() -> None:
            for finding in places:
                await _one(finding, taker, choice, report)
                progress(1)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors
    return report


async def _one(finding: Finding, taker: Taker, choice: CameraChoice, report: Report) -> None:
    if isinstance(finding, Skipped):
        report.skip(finding)
        return
    assert isinstance(finding, Candidate)  # noqa: S101 - for mypy
    try:
        camera = choice.of(finding)
    except CameraNotFound as error:
        report.skip(Skipped(finding.place, "no camera", error.detail))
        return
    report.add(finding, await taker.take(finding, camera.camera_id, zone_of(camera.timezone)))
