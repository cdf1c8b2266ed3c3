"""One found run into the stores: read and checked as an upload's, accepted as an upload's, stored once.

Every step can be repeated, as in ingest: keys and ids are made of hashes, documents are inserted once. An import that
was ended anywhere is simply started again.
"""

import asyncio
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from krabbel.importer.found import Candidate
from krabbel.importer.labels import MODEL_ID, imported_classification
from proto.errors import InvalidUpload, UploadRejected
from proto.job import JobPurpose
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun, run_id_of
from services.chassis.broker import Broker
from services.chassis.object_store import ObjectStore
from services.chassis.runs import Runs
from services.chassis.topology import RECLASSIFY
from services.ingest.acceptance import Upload, accept
from services.ingest.entry_file import IncomingImage
from services.ingest.forwarder import job_of
from services.ingest.images import inspect
from services.ingest.settings import IngestSettings

PUTS_PER_RUN = 8


class Outcome(StrEnum):
    """What came of a found run."""

    IMPORTED = "imported"
    ALREADY_THERE = "already there"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Taken:
    """The outcome, with the pictures that were left out and, where it was skipped, why."""

    outcome: Outcome
    left_out: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    labelled: bool = False
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Pictures:
    """The usable pictures of a run, checked; and what was wrong with the others."""

    images: tuple[IncomingImage, ...]
    paths: dict[str, Path]
    """By SHA-256"""
    left_out: tuple[str, ...]


def read_pictures(files: Iterable[Path], limits: IngestSettings) -> Pictures:
    """Read and check pictures as an upload's are. Blocks and computes: call it in a thread."""
    images: list[IncomingImage] = []
    paths: dict[str, Path] = {}
    left_out: list[str] = []
    for path in files:
        try:
            if path.stat().st_size > limits.upload_max_file_bytes:
                left_out.append(f"{path.name}: more than {limits.upload_max_file_bytes} bytes")
                continue
            data = path.read_bytes()
            facts = inspect(io.BytesIO(data), path.name, limits.upload_max_pixels)
        except OSError as error:
            left_out.append(f"{path.name}: cannot be read ({error.strerror})")
            continue
        except UploadRejected as error:
            left_out.append(f"{path.name}: {error.detail}")
            continue
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in paths:
            paths[sha256] = path
            images.append(IncomingImage(path.name, sha256, 0, len(data), facts))
    return Pictures(tuple(images), paths, tuple(left_out))


class Taker:
    """Takes found runs in.

    Args:
        store, runs, broker: where they go; ``dry_run`` only reads.
        classify: queue labelled runs for the active model too (others always are).
    """

    def __init__(
        self,
        store: ObjectStore,
        runs: Runs,
        broker: Broker,
        limits: IngestSettings,
        *,
        classify: bool,
        dry_run: bool,
    ) -> None:
        self._store, self._runs, self._broker, self._limits = store, runs, broker, limits
        self._classify, self._dry_run = classify, dry_run
        self._puts = asyncio.Semaphore(2 * PUTS_PER_RUN)
        self._seen: set[str] = set()

    async def take(self, candidate: Candidate, camera_id: str, zone: ZoneInfo) -> Taken:
        """Import one run, unless it is there.

        Raises:
            Unavailable: a store is away.
        """
        pictures = await asyncio.to_thread(read_pictures, candidate.files, self._limits)
        if not pictures.images:
            return Taken(Outcome.SKIPPED, pictures.left_out, "no usable picture", "; ".join(pictures.left_out[:3]))
        try:
            upload = Upload(
                source=RunSource.IMPORT,
                camera_id=camera_id,
                tracking_id=candidate.tracking_id,
                start=candidate.start,
                end=candidate.end,
                duration=candidate.duration,
                trap=candidate.trap,
                images=candidate.said,
            )
            run = accept(upload, pictures.images, zone, datetime.now(UTC))
        except (InvalidUpload, ValueError) as error:
            return Taken(Outcome.SKIPPED, pictures.left_out, "not acceptable", str(error).splitlines()[0])
        known = await self._known(run, candidate)
        new = not known and run.run_id not in self._seen
        self._seen.add(run.run_id)
        outcome = Outcome.IMPORTED if new else Outcome.ALREADY_THERE
        if self._dry_run:
            return Taken(outcome, pictures.left_out, labelled=new and candidate.label is not None)
        if new:
            await self._store_images(run, pictures)
            await self._runs.receive(run)
        if known and run.run_id not in known:
            return Taken(outcome, pictures.left_out)  # uploaded by the trap, in another spelling: it has its own result
        labelled, queued = await self._say(run.run_id, candidate)
        return Taken(outcome, pictures.left_out, labelled=labelled, queued=queued)

    async def _known(self, run: TrackingRun, candidate: Candidate) -> set[str]:
        """Return the ids under which the run is stored already: its own, or that of another spelling of its times."""
        hashes = [image.sha256 for image in run.images]
        spelt = [run_id_of(run.camera_id, run.tracking_id, start, end, hashes) for start, end in candidate.spellings]
        return await self._runs.existing({run.run_id, *spelt})

    async def _store_images(self, run: TrackingRun, pictures: Pictures) -> None:
        async def put(image: ImageReference) -> None:
            async with self._puts:
                data = await asyncio.to_thread(pictures.paths[image.sha256].read_bytes)
                await self._store.put(image.object_key, data, image.content_type)

        try:
            async with asyncio.TaskGroup() as group:
                for image in run.images:
                    group.create_task(put(image))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    async def _say(self, run_id: str, candidate: Candidate) -> tuple[bool, bool]:
        """Keep the label, and ask the active model where that is wanted; never undo what a model has said since."""
        run = await self._runs.get(run_id)
        labelled = candidate.label is not None and run.result is None
        if candidate.label is not None and run.result is None:
            await self._runs.complete(imported_classification(run, candidate.label, datetime.now(UTC)))
            run = await self._runs.get(run_id)
        unlabelled = run.result is None and run.status is RunStatus.RECEIVED
        asked = self._classify and run.result is not None and run.result.model_id == MODEL_ID
        if not unlabelled and not asked:
            return labelled, False
        # First the status, then the job: else the worker may be quicker, and the run would be queued for ever.
        if asked:
            await self._runs.requeue(run_id)
        job = job_of(run).model_copy(update={"purpose": JobPurpose.RECLASSIFY})
        await self._broker.publish(job, RECLASSIFY)
        if unlabelled:
            await self._runs.mark_queued(run_id)
        return labelled, True
