"""The predecessor's nine read endpoints below ``/data``, for the old dashboard and for scripts that know them.

Same paths, shapes, key header and refusals; everything is streamed. See docs/reference/predecessor-endpoints.md.
"""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any

import orjson
from aiohttp import web

from proto.camera import Scope
from proto.errors import BadRequest, KrabbelError, NotAllowed, NotAuthenticated, PicturesRemoved
from services.chassis.auth import Principal, key_of
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectNotFound
from services.chassis.web import Handler
from services.query import legacy
from services.query.access import KEY_RING, visible_cameras
from services.query.parameters import as_day
from services.query.routes_about import CAMERAS
from services.query.routes_run_zip import STORE
from services.query.routes_runs import RUNS
from services.query.run_filter import RunFilter
from services.query.run_order import NEWEST
from services.query.streaming import streamed
from services.query.zip_stream import ZipStream, safe_name

PRINCIPAL = web.RequestKey("principal", Principal)
log = get_logger(__name__)


def as_before(handler: Handler) -> Handler:
    """Check the key and answer refusals as the predecessor did: 403 and ``{"detail": …}``."""

    @wraps(handler)
    async def wrapped(request: web.Request) -> web.StreamResponse:
        try:
            request[PRINCIPAL] = await request.app[KEY_RING].admit(key_of(request))
            request[PRINCIPAL].require(Scope.READ)
        except (NotAuthenticated, NotAllowed):
            return web.json_response({"detail": "Could not validate API KEY"}, status=403)
        try:
            return await handler(request)
        except KrabbelError as error:
            headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}
            return web.json_response({"detail": error.detail}, status=error.status, headers=headers)

    return wrapped


async def _zones(request: web.Request) -> legacy.Zones:
    cameras = await request.app[CAMERAS].all()
    return legacy.Zones({camera.camera_id: camera.timezone for camera in cameras})


def _selection(request: web.Request, **filters: Any) -> RunFilter:
    """Return the key's own runs that are classified, as all were with the predecessor."""
    return RunFilter(cameras=visible_cameras(request[PRINCIPAL], ()), classified=True, **filters)


@as_before
async def classification(request: web.Request) -> web.StreamResponse:
    """``GET /data/classification``: the table, one object per run."""
    zones = await _zones(request)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"["
        separator = b""
        async for run in request.app[RUNS].stream(_selection(request), fields=legacy.FIELDS):
            yield separator + orjson.dumps(legacy.row_of(run, zones))
            separator = b","
        yield b"]"

    return await streamed(request, pieces(), "application/json")


async def _zip(
    request: web.Request, zones: legacy.Zones, runs: AsyncIterator[dict[str, Any]], *, table: bool
) -> AsyncIterator[bytes]:
    """Yield a ZIP of runs' images, and with ``table`` the CSV before them."""
    store, now = request.app[STORE], datetime.now(UTC)
    zip_file = ZipStream()
    if table:
        member = zip_file.open("classification.csv", now, squeeze=True)
        yield member.write(legacy.csv_line(list(legacy.COLUMNS)))
        async for run in request.app[RUNS].stream(_selection(request), fields=legacy.FIELDS):
            yield member.write(legacy.csv_line(list(legacy.row_of(run, zones).values())))
        yield member.end()
    async for run in runs:
        for name, key in legacy.file_names(run, zones):
            try:
                yield zip_file.add(name, await store.get(key), zones.local(run, "sort_at"))
            except ObjectNotFound:
                log.warning("an image is missing in the object store", object_key=key)
    yield zip_file.end()


@as_before
async def everything(request: web.Request) -> web.StreamResponse:
    """``GET /data/all``: a ZIP of the table and all images."""
    zones = await _zones(request)
    runs = request.app[RUNS].stream(_selection(request), fields=legacy.FIELDS)
    return await streamed(request, _zip(request, zones, runs, table=True), "application/zip", file_name="data.zip")


async def _images(request: web.Request, runs: list[dict[str, Any]], zones: legacy.Zones) -> web.StreamResponse:
    if not any(legacy.file_names(run, zones) for run in runs):
        raise PicturesRemoved("The pictures of this tracking run are not kept any more.")

    async def found() -> AsyncIterator[dict[str, Any]]:
        for run in runs:
            yield run

    file_name = f"{runs[0]['local_date']}_{safe_name(legacy.tracking_run_id(runs[0], zones), 'run')}.zip"
    return await streamed(request, _zip(request, zones, found(), table=False), "application/zip", file_name=file_name)


@as_before
async def images_of_run(request: web.Request) -> web.StreamResponse:
    """``GET /data/{date}/{tracking_run}``: a ZIP of one run's images."""
    day_text, wanted = request.match_info["date"], request.match_info["tracking_run"]
    track = legacy.track_of(wanted)
    try:
        day: date | None = as_day("date", day_text)
    except BadRequest:
        day = None
    found = []
    if day is not None and track is not None:
        zones = await _zones(request)
        selection = _selection(request, first_day=day, last_day=day, track=track)
        candidates = request.app[RUNS].stream(selection, fields=legacy.FIELDS)
        found = [run async for run in candidates if legacy.tracking_run_id(run, zones) == wanted]
    if not found:
        return web.json_response({"detail": "No such tracking run"}, status=404)
    return await _images(request, found, zones)


async def _newest(request: web.Request, **filters: Any) -> dict[str, Any] | None:
    """Return the newest run of a selection."""
    found = request.app[RUNS].stream(_selection(request, **filters), fields=legacy.FIELDS, order=NEWEST, most=1)
    async for run in found:
        return run
    return None


@as_before
async def most_recent(request: web.Request) -> web.StreamResponse:
    """``GET /data/most_recent``: date and id of the newest run; both null while there is none."""
    run = await _newest(request)
    zones = await _zones(request)
    body = {
        "most_recent_date": run["local_date"] if run else None,
        "most_recent_tracking_run": legacy.tracking_run_id(run, zones) if run else None,
    }
    return web.json_response(body)


@as_before
async def most_recent_images(request: web.Request) -> web.StreamResponse:
    """``GET /data/most_recent/images``: a ZIP of the newest run's images."""
    run = await _newest(request)
    if run is None:
        return web.json_response({"detail": "No tracking run yet"}, status=404)
    return await _images(request, [run], await _zones(request))


@as_before
async def most_recent_insect(request: web.Request) -> web.StreamResponse:
    """``GET /data/most_recent_insect``: the newest insect of the newest day; null where that day had none."""
    run = await _newest(request)
    day = date.fromisoformat(run["local_date"]) if run else None
    insect = await _newest(request, insect=True, first_day=day, last_day=day) if day else None
    zones = await _zones(request)
    body = {
        "most_recent_date": run["local_date"] if run else None,
        "most_recent_tracking_run": legacy.tracking_run_id(insect, zones) if insect else None,
    }
    return web.json_response(body)


@as_before
async def most_recent_insects(request: web.Request) -> web.StreamResponse:
    """``GET /data/most_recent_insects``: the last ten insect runs, newest first."""
    zones = await _zones(request)
    runs = request.app[RUNS].stream(_selection(request, insect=True), fields=legacy.FIELDS, order=NEWEST, most=10)
    rows = [{"date": run["local_date"], "tracking_run_ID": legacy.tracking_run_id(run, zones)} async for run in runs]
    return web.json_response(rows)


@as_before
async def tracking_runs(request: web.Request) -> web.StreamResponse:
    """``GET /data/tracking_runs``: the run ids of each date."""
    zones = await _zones(request)

    async def pieces() -> AsyncIterator[bytes]:
        day, opening = None, b"{"
        async for run in request.app[RUNS].stream(_selection(request), fields=legacy.FIELDS, by_day=True):
            name = orjson.dumps(legacy.tracking_run_id(run, zones))
            if run["local_date"] == day:
                yield b"," + name
            else:
                day = run["local_date"]
                yield opening + orjson.dumps(day) + b":[" + name
                opening = b"],"
        yield b"{}" if day is None else b"]}"

    return await streamed(request, pieces(), "application/json")


def routes() -> list[web.RouteDef]:
    """Return the routes, the fixed paths before the patterns that would swallow them."""
    return [
        web.get("/data/classification", classification),
        web.get("/data/all", everything),
        web.get("/data/most_recent", most_recent),
        web.get("/data/most_recent/images", most_recent_images),
        web.get("/data/most_recent_insect", most_recent_insect),
        web.get("/data/most_recent_insects", most_recent_insects),
        web.get("/data/tracking_runs", tracking_runs),
        web.get("/data/{date}/{tracking_run}", images_of_run),
    ]
