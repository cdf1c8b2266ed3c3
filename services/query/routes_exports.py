"""``/api/v1/exports``: formats, exports that are streamed at once, and exports that are made as jobs."""

import asyncio
import os
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiohttp import web
from multidict import MultiDict

from proto.camera import Scope
from proto.errors import BadRequest, Conflict, NotAuthenticated, TooManyRequests
from proto.export import ExportJob, ExportState
from services.chassis.auth import Principal
from services.chassis.cameras import Cameras
from services.chassis.database import Database
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectStore
from services.chassis.web import json_response
from services.query.access import PUBLIC, SETTINGS, reader_of, visible_cameras
from services.query.exports.jobs import ExportJobs, ExportNotFound
from services.query.exports.registry import EXPORTS
from services.query.exports.runner import ExportRunner, file_of
from services.query.exports.service import ExportService, Tally, format_of
from services.query.parameters import Parameters
from services.query.run_filter import FILTERS, parse_filter
from services.query.settings import QuerySettings
from services.query.streaming import streamed

_JOB_ID = re.compile(r"[0-9a-f]{32}")
log = get_logger(__name__)


class Exports:
    """What these routes share."""

    def __init__(self, database: Database, store: ObjectStore, cameras: Cameras, settings: QuerySettings) -> None:
        self.store = store
        self.service = ExportService(database, store, cameras, settings.dataset())
        self.jobs = ExportJobs(database)
        worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        keep = timedelta(hours=settings.export_keep_h)
        self.runner = ExportRunner(self.jobs, self.service, store, worker, keep)
        self.streams = asyncio.Semaphore(settings.export_streams)


EXPORTER = web.AppKey("exports", Exports)


async def work(app: web.Application) -> AsyncIterator[None]:
    """Make the exports that were started as jobs, until the service stops."""
    task = asyncio.create_task(app[EXPORTER].runner.run_forever(), name="exports")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def list_formats(request: web.Request) -> web.Response:
    """``GET /api/v1/exports``: the formats."""
    await reader_of(request)
    Parameters(request.query, ())
    items = [{"format": item.name, "title": item.title, "media_type": item.media_type} for item in EXPORTS.values()]
    return json_response({"items": items})


async def start(request: web.Request) -> web.Response:
    """``POST /api/v1/exports``: start a job. The body is the format and the selection, as of the URL of a stream."""
    principal = await reader_of(request)
    if principal is PUBLIC:
        raise NotAuthenticated("Starting an export needs a key; without one it can be streamed.")
    exports = request.app[EXPORTER]
    try:
        body = await request.json()
    except ValueError as error:
        raise BadRequest("The body is no JSON.") from error
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise BadRequest('The body must be an object of texts, like {"format": "camtrap-dp", "camera": "garden-1"}.')
    wanted = format_of(body.pop("format", ""))
    selection = parse_filter(Parameters(MultiDict(body), FILTERS))
    cameras = visible_cameras(principal, selection.cameras)
    await exports.service.check(wanted, selection.of_cameras(cameras))
    if await exports.jobs.open_count() >= request.app[SETTINGS].export_jobs_waiting:
        raise TooManyRequests("Too many exports wait already; try again later.", retry_after_s=60)
    now = datetime.now(UTC)
    job = ExportJob(
        job_id=secrets.token_hex(16),
        format=wanted.name,
        file_name=wanted.file_name_at(now),
        media_type=wanted.media_type,
        parameters=body,
        cameras=cameras,
        created_at=now,
    )
    await exports.jobs.add(job)
    exports.runner.wake()
    return json_response(job, status=202, headers={"Location": f"/api/v1/exports/{job.job_id}"})


async def jobs(request: web.Request) -> web.Response:
    """``GET /api/v1/exports/jobs``: exports that wait, run, or can be downloaded still; for administrators."""
    principal = await reader_of(request)
    principal.require(Scope.ADMIN)
    Parameters(request.query, ())
    cameras = visible_cameras(principal, ())
    found = [job for job in await request.app[EXPORTER].jobs.latest() if not cameras or job.cameras == cameras]
    return json_response({"items": found}, headers={"Cache-Control": "no-store"})


async def stream_or_progress(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/exports/{name}``: a format's file, streamed; or how far a job is."""
    principal, name = await reader_of(request), request.match_info["name"]
    if _JOB_ID.fullmatch(name):
        Parameters(request.query, ())
        return json_response(await _job(request, principal), headers={"Cache-Control": "no-store"})
    wanted, exports = format_of(name), request.app[EXPORTER]
    selection = parse_filter(Parameters(request.query, FILTERS))
    selection = selection.of_cameras(visible_cameras(principal, selection.cameras))
    if exports.streams.locked():
        raise TooManyRequests("Too many exports are streamed right now; try again soon, or start one as a job.")
    async with exports.streams:
        await exports.service.check(wanted, selection)
        pieces = exports.service.write(wanted, selection, Tally())
        name = wanted.file_name_at(datetime.now(UTC))
        return await streamed(request, pieces, wanted.media_type, file_name=name)


async def download(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/exports/{name}/download``: a finished job's file."""
    principal = await reader_of(request)
    Parameters(request.query, ())
    job = await _job(request, principal)
    if job.state is ExportState.FAILED:
        raise Conflict(f"This export failed: {job.reason}")
    if job.state is not ExportState.DONE:
        raise Conflict(f"This export is not ready: {job.state.value}, {job.runs_written} runs written.")
    pieces = file_of(request.app[EXPORTER].store, job)
    return await streamed(request, pieces, job.media_type, file_name=job.file_name, length=job.byte_size)


async def _job(request: web.Request, principal: Principal) -> ExportJob:
    """Return the job in the path; that of other cameras is not found, as if it were not there."""
    name = request.match_info["name"]
    if not _JOB_ID.fullmatch(name):
        raise ExportNotFound(f"{name[:40]!r} is no export's id: those are 32 hexadecimal digits.")
    job = await request.app[EXPORTER].jobs.get(name)
    if principal.camera_id is not None and job.cameras != (principal.camera_id,):
        raise ExportNotFound(f"No export has the id {name!r}.")
    return job


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/api/v1/exports", list_formats),
        web.post("/api/v1/exports", start),
        web.get("/api/v1/exports/jobs", jobs),
        web.get("/api/v1/exports/{name}", stream_or_progress),
        web.get("/api/v1/exports/{name}/download", download),
    ]
