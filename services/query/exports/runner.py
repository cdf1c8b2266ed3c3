"""Makes the exports that were started as jobs, one at a time in each process, and removes those whose time is over.

The file goes into the object store while it is written, as objects of :data:`PART_BYTES` each: no temporary file, no
upload that takes longer than the store's timeout, and the download reads the same objects one after the other.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import timedelta

from multidict import MultiDict

from proto.errors import KrabbelError, Unavailable
from proto.export import ExportJob
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectStore
from services.query.exports.jobs import MOST_ATTEMPTS, ExportJobs
from services.query.exports.service import ExportService, Tally, format_of
from services.query.parameters import Parameters
from services.query.run_filter import FILTERS, RunFilter, parse_filter

PART_BYTES = 8 * 1024 * 1024
POLL_S = 2.0
BEAT_S = 1.0
PAUSE_S = 10.0
SWEEP_S = 60.0
log = get_logger(__name__)


class TakenOver(Exception):
    """Another process does this job now."""


def part_key(job_id: str, number: int) -> str:
    """Return the object key of one part of a job's file."""
    return f"exports/{job_id}/{number:06d}"


def selection_of(job: ExportJob) -> RunFilter:
    """Return the runs that a job is about."""
    selection = parse_filter(Parameters(MultiDict(job.parameters), FILTERS))
    return selection.of_cameras(job.cameras) if job.cameras else selection


class ExportRunner:
    """The work loop of one process."""

    def __init__(
        self, jobs: ExportJobs, service: ExportService, store: ObjectStore, worker: str, keep: timedelta
    ) -> None:
        self._jobs, self._service, self._store = jobs, service, store
        self._worker, self._keep = worker, keep
        self._wake = asyncio.Event()
        self._swept = 0.0

    def wake(self) -> None:
        """Look for work now, not at the next turn."""
        self._wake.set()

    async def run_forever(self) -> None:
        """Do jobs until cancelled; what was under way then waits for the next process."""
        while True:
            try:
                await self._sweep()
                job = await self._jobs.claim(self._worker)
                if job is not None:
                    await self._do(job)
                    continue
            except KrabbelError as error:
                log.warning("exports wait until the stores are back", reason=error.detail)
                await asyncio.sleep(PAUSE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()
            self._wake.clear()

    async def _do(self, job: ExportJob) -> None:
        if job.attempts > MOST_ATTEMPTS:
            reason = f"It was begun {MOST_ATTEMPTS} times and never ended; the logs of the query service tell why."
            await self._jobs.fail(job.job_id, self._worker, self._keep, reason)
            return
        try:
            await self._write(job)
        except asyncio.CancelledError:
            with suppress(KrabbelError):
                await asyncio.shield(self._jobs.release(job.job_id, self._worker))
            raise
        except TakenOver:
            log.warning("an export was taken over", job_id=job.job_id)
        except Unavailable:
            await self._jobs.release(job.job_id, self._worker)
            raise
        except KrabbelError as error:
            await self._jobs.fail(job.job_id, self._worker, self._keep, error.detail)
        except Exception as error:
            log.error("an export failed", job_id=job.job_id, exc_info=error)
            reason = f"This is our fault ({type(error).__name__}); tell the operator the id {job.job_id}."
            await self._jobs.fail(job.job_id, self._worker, self._keep, reason)

    async def _write(self, job: ExportJob) -> None:
        wanted, selection, tally = format_of(job.format), selection_of(job), Tally()
        await self._service.check(wanted, selection)
        total = await self._service.reader.count(selection)
        await self._beat(job, runs_total=total, runs_written=0)
        held, parts, size, beaten = bytearray(), 0, 0, time.monotonic()
        async with aclosing(self._service.write(wanted, selection, tally)) as pieces:
            async for piece in pieces:
                held += piece
                size += len(piece)
                while len(held) >= PART_BYTES:
                    await self._store.put(part_key(job.job_id, parts), bytes(held[:PART_BYTES]), job.media_type)
                    del held[:PART_BYTES]
                    parts += 1
                if time.monotonic() - beaten >= BEAT_S:
                    await self._beat(job, runs_written=tally.runs, byte_size=size)
                    beaten = time.monotonic()
        if held:
            await self._store.put(part_key(job.job_id, parts), bytes(held), job.media_type)
            parts += 1
        figures = {"runs_written": tally.runs, "byte_size": size, "parts": parts}
        if not await self._jobs.finish(job.job_id, self._worker, self._keep, **figures):
            raise TakenOver
        log.info("an export is ready", job_id=job.job_id, format=job.format, **figures)

    async def _beat(self, job: ExportJob, **fields: int | None) -> None:
        if not await self._jobs.progress(job.job_id, self._worker, **fields):
            raise TakenOver

    async def _sweep(self) -> None:
        """Remove the jobs whose time is over, the objects first."""
        if time.monotonic() - self._swept < SWEEP_S:
            return
        self._swept = time.monotonic()
        for job_id in await self._jobs.expired():
            await self._store.remove([item.key for item in await self._store.list(f"exports/{job_id}/")])
            await self._jobs.remove(job_id)


async def file_of(store: ObjectStore, job: ExportJob) -> AsyncGenerator[bytes, None]:
    """Yield a finished job's file."""
    for number in range(job.parts):
        yield await store.get(part_key(job.job_id, number))
