"""From the spool into the stores, in order: images, then the document, then the job, then `queued`.

Every step can be repeated: object keys and run ids are made of hashes, the document is inserted once, the job may be
published twice, and a status only moves forward. So after any failure, and after any crash, an entry is simply
forwarded again from its start. A store that is away stops all: waiting, with growing pauses, costs nothing here.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO

from proto.errors import RunNotFound, Unavailable
from proto.job import ClassifyJob, JobImage
from proto.run import RunStatus, TrackingRun
from services.chassis import tracing
from services.chassis.broker import Broker
from services.chassis.cameras import Cameras
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectStore
from services.chassis.runs import Runs
from services.chassis.topology import CLASSIFY
from services.ingest.entry_file import BrokenEntry, EntryReader, Slice
from services.ingest.failpoints import Failpoints, Point
from services.ingest.metrics import FORWARD_RETRIES, FORWARD_SECONDS, RUNS_FORWARDED
from services.ingest.slices import IN_MEMORY_BYTES
from services.ingest.spool import Entry, Spool

PUTS_AT_ONCE = 32
"""Of all runs together; each holds one small image in memory."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
MAX_FAULTS = 20
"""Tries of an entry that fails for a reason of its own (not because a store is away) before it is set aside."""
CAMERA_NOTE_S = 5.0
log = get_logger(__name__)


def job_of(run: TrackingRun) -> ClassifyJob:
    """Return the job that asks for the classification of a run."""
    return ClassifyJob(
        run_id=run.run_id,
        camera_id=run.camera_id,
        images=tuple(JobImage(sha256=image.sha256, object_key=image.object_key) for image in run.images),
        published_at=datetime.now(UTC),
    )


async def _nothing(_run_id: str) -> None:
    return None


class Forwarder:
    """Forwards ``concurrency`` entries at the same time, oldest first."""

    def __init__(
        self,
        spool: Spool,
        store: ObjectStore,
        runs: Runs,
        broker: Broker,
        cameras: Cameras,
        *,
        concurrency: int,
        failpoints: Failpoints,
        repeated: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """``repeated`` is told of each run that was there already, after its images may have been stored anew."""
        self._spool, self._store, self._runs, self._broker, self._cameras = spool, store, runs, broker, cameras
        self._concurrency = concurrency
        self._failpoints = failpoints
        self._repeated = repeated or _nothing
        self._failures = 0
        self._resume_at = 0.0
        self._large = asyncio.Semaphore(2)
        self._places = asyncio.Semaphore(PUTS_AT_ONCE)
        self._noted: dict[str, float] = {}
        self._trouble = ""

    async def run_forever(self) -> None:
        """Forward until cancelled. What is under way then is forwarded again by the next process."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work())

    def stores_answer(self) -> bool:
        """Whether the last run that was forwarded found all stores."""
        return not self._trouble

    def note(self) -> str:
        """Say in words how forwarding goes, for /readyz."""
        if self._trouble:
            return f"{len(self._spool)} runs wait in the spool; uploads are taken. {self._trouble}"
        return "ok"

    async def _work(self) -> None:
        while True:
            await self._wait_out_the_pause()
            entry = await self._spool.take()
            try:
                await self._forward(entry)
                self._failures, self._trouble = 0, ""
            except Unavailable as error:
                self._pause(error)
                entry.attempts += 1
                await self._spool.give_back(entry)
            except BrokenEntry as error:
                await self._spool.set_aside(entry, str(error))
            except Exception as error:
                entry.attempts += 1
                entry.faults += 1
                log.error("run cannot be forwarded", run_id=entry.run_id, faults=entry.faults, exc_info=error)
                if entry.faults >= MAX_FAULTS:
                    await self._spool.set_aside(entry, f"{type(error).__name__}: {error}")
                else:
                    self._pause(error)
                    await self._spool.give_back(entry)

    async def _wait_out_the_pause(self) -> None:
        while (left := self._resume_at - time.monotonic()) > 0:  # noqa: ASYNC110 - another one may prolong it
            await asyncio.sleep(left)

    def _pause(self, error: Exception) -> None:
        """Let all wait: first shortly, then longer, so that a store that comes back is not trampled."""
        now = time.monotonic()
        if now < self._resume_at:
            return  # one of those that failed together has said so already
        if not self._failures:
            log.warning("a store is away; runs wait in the spool", waiting=len(self._spool), error=str(error)[:200])
        self._trouble = str(error)[:200]
        pause = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        self._resume_at = now + pause * random.uniform(0.75, 1.25)

    async def _forward(self, entry: Entry) -> None:
        with await self._spool.read(entry, preload=True) as reader:
            run = reader.manifest.run
            known = await self._status(run.run_id) if entry.attempts or entry.replayed else None
            new = False
            if known is None:
                with self._timed("objects", run.run_id):
                    await self._put_images(reader)
                self._failpoints.reach(Point.AFTER_OBJECTS)
                with self._timed("document", run.run_id):
                    new = await self._runs.receive(run)
                self._failpoints.reach(Point.AFTER_DOCUMENT)
                known = RunStatus.RECEIVED if new else await self._status(run.run_id)
            if not new:  # perhaps by an earlier process, its images were stored anew
                await self._repeated(run.run_id)
            if known is RunStatus.RECEIVED:
                with self._timed("publish", run.run_id):
                    await self._broker.publish(job_of(run), CLASSIFY)
                self._failpoints.reach(Point.AFTER_PUBLISH)
                with self._timed("status", run.run_id):
                    await self._runs.mark_queued(run.run_id)
                self._failpoints.reach(Point.AFTER_QUEUED)
            await self._note_camera(run)
        await self._spool.remove(entry)
        self._failpoints.reach(Point.AFTER_SPOOL_REMOVE)
        RUNS_FORWARDED.inc()

    async def _status(self, run_id: str) -> RunStatus | None:
        try:
            return (await self._runs.get(run_id)).status
        except RunNotFound:
            return None

    async def _put_images(self, reader: EntryReader) -> None:
        """Store all images. Those that are there already are stored again: it is the same content under the same
        key, and its fresh date keeps the sweep of orphans away from it."""
        images = {image.sha256: image for image in reader.manifest.run.images}

        async def put(part: Slice) -> None:
            image = images[part.sha256]
            async with self._places:
                if part.byte_size <= IN_MEMORY_BYTES:
                    data = reader.read_image(part)
                    await self._store.put(image.object_key, data, image.content_type, sha256=image.sha256)
                else:
                    await self._put_large(reader.open_image(part), part.byte_size, image.object_key, image.content_type)
            self._failpoints.reach(Point.AFTER_FIRST_OBJECT)

        try:
            async with asyncio.TaskGroup() as group:
                for part in reader.manifest.slices:
                    group.create_task(put(part))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    async def _put_large(self, stream: IO[bytes], length: int, key: str, content_type: str) -> None:
        async with self._large:
            with stream:
                # The client reads a part of 5 MB before it connects, and its errors keep what could not be sent: with
                # the store away, two dozen forwarders would hold 100 MB (measured).
                await self._store.ping()
                await self._store.put_stream(key, stream, length, content_type)

    async def _note_camera(self, run: TrackingRun) -> None:
        """Keep `last upload` of the camera fresh, but not with a write for every run."""
        now = time.monotonic()
        if now - self._noted.get(run.camera_id, -CAMERA_NOTE_S) >= CAMERA_NOTE_S:
            await self._cameras.uploaded(run.camera_id, run.received_at)
            self._noted[run.camera_id] = now

    @contextmanager
    def _timed(self, stage: str, run_id: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with tracing.span(run_id, f"forward {stage}"):
                yield
        except Unavailable:
            FORWARD_RETRIES.labels(stage).inc()
            raise
        finally:
            FORWARD_SECONDS.labels(stage).observe(time.perf_counter() - started)
