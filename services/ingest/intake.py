"""One upload from its first byte to durable: place, spool file, checks, acceptance, commit. Both endpoints do this."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from proto.run import RunSource, TrackingRun
from services.chassis import tracing
from services.chassis.logging import get_logger
from services.ingest.acceptance import Upload, accept
from services.ingest.entry_file import Manifest, Slice
from services.ingest.form import Limits
from services.ingest.gate import Places
from services.ingest.images import inspect
from services.ingest.metrics import ACCEPT_SECONDS, IMAGES_SKIPPED, RUNS_ACCEPTED, SLOWED_DOWN
from services.ingest.pressure import slow_down_s
from services.ingest.registry import Registry
from services.ingest.settings import IngestSettings
from services.ingest.spool import Entry, Spool
from services.ingest.upload import Receiver

log = get_logger(__name__)
Understand = Callable[[dict[str, str]], Upload]
"""From the form's fields to what they mean; raises InvalidUpload or what else is wrong with them."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A durable run. ``entry.forwarded`` is set when it is in the stores."""

    run: TrackingRun
    entry: Entry


class Intake:
    """Takes uploads in."""

    def __init__(
        self,
        settings: IngestSettings,
        spool: Spool,
        registry: Registry,
        executor: ThreadPoolExecutor,
        stores_answer: Callable[[], bool],
    ) -> None:
        self._spool, self._registry, self._executor = spool, registry, executor
        self._stores_answer, self._slow_down_s = stores_answer, settings.slow_down_seconds
        self._places = Places(settings.uploads_per_camera, settings.uploads_at_once, settings.upload_wait_seconds)
        self._max_pixels = settings.upload_max_pixels
        self._limits = Limits(
            settings.upload_max_file_bytes,
            settings.upload_max_run_bytes,
            settings.upload_max_files,
            settings.upload_seconds,
            settings.upload_idle_seconds,
        )

    async def take(
        self,
        request: web.Request,
        *,
        source: RunSource,
        place: str,
        understand: Understand,
        expected_run_id: str | None = None,
    ) -> Accepted:
        """Read an upload and return when no crash can lose it any more.

        Args:
            request: its body is read here.
            source: the way it came in. Broken images of old traps, which never try again, are left out while others
                of the run are good; from all others they are refused, so that the client learns of them.
            place: whose places the upload takes, usually the camera's id.
            understand: what the form means.
            expected_run_id: what the client computed; another outcome means that bytes were changed on the way.

        Raises:
            UploadRejected, TooManyRequests, SpoolFull: see upload.py, gate.py, spool.py.
        """
        started = time.perf_counter()
        async with self._places.take(place):
            await self._spool.room.check()
            receiver = Receiver(
                self._spool,
                self._executor,
                partial(inspect, max_pixels=self._max_pixels),
                self._limits,
                skip_unusable=source is RunSource.LEGACY,
                uploads_now=lambda: self._places.taken,
            )
            try:
                await receiver.receive(request)
                upload = understand(receiver.fields)
                received_at = datetime.now(UTC)
                receiver.require_usable_image()
                images = receiver.writer.images
                run = accept(upload, images, self._registry.zone(upload.camera_id), received_at)
                receiver.require_id(run.run_id, expected_run_id)
                slices = tuple(
                    Slice(sha256=image.sha256, offset=image.offset, byte_size=image.byte_size) for image in images
                )
                claimed, receiver.claimed = receiver.claimed, 0
                manifest = Manifest(run=run, slices=slices, accepted_at=received_at)
                entry = await self._spool.commit(receiver.writer, manifest, claimed)
            finally:
                await receiver.close()
            await self._slow_down(entry)
        seconds = time.perf_counter() - started
        ACCEPT_SECONDS.observe(seconds)
        tracing.record(run.run_id, "upload", seconds, first=True, camera_id=run.camera_id, images=len(images))
        RUNS_ACCEPTED.labels(source.value).inc()
        IMAGES_SKIPPED.inc(len(receiver.writer.skipped))
        log.info(
            "run accepted",
            run_id=run.run_id,
            camera_id=run.camera_id,
            source=source.value,
            images=len(images),
            bytes=sum(image.byte_size for image in images),
            ms=round(seconds * 1000, 1),
            **({"clock_flags": [flag.value for flag in run.clock_flags]} if run.clock_flags else {}),
            **({"skipped": receiver.writer.skipped[:10]} if receiver.writer.skipped else {}),
        )
        return Accepted(run, entry)

    async def _slow_down(self, entry: Entry) -> None:
        """Let the answer wait when runs come faster than they are stored. It holds its place meanwhile."""
        wait_s = slow_down_s(
            self._spool.room.share(),
            self._spool.waiting_age_s(),
            stores_answer=self._stores_answer(),
            longest_s=self._slow_down_s,
        )
        if wait_s > 0:
            SLOWED_DOWN.inc()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await entry.forwarded.wait()
