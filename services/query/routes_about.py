"""``/api/v1/cameras``, ``/api/v1/status`` and ``/api/v1/taxonomy``: what there is, and how it is."""

import asyncio
import time
from typing import Any

from aiohttp import web

from proto.camera import Heartbeat
from proto.errors import Unavailable
from proto.taxonomy import taxonomy
from services.chassis.broker import Broker
from services.chassis.cameras import Cameras
from services.chassis.database import Database, available
from services.chassis.runs import Runs
from services.chassis.topology import CLASSIFY, PARKED, RECLASSIFY
from services.chassis.web import json_response
from services.query.access import reader_of, visible_cameras
from services.query.parameters import Parameters
from services.query.places import public_camera
from services.query.representations import answer, form_of

KEEP_S = 1.0
WORKER_FIELDS = ("worker_id", "model_id", "demo", "runtime", "device", "seen_at")


class StatusReader:
    """The whole system's state, asked for at most once a second however many pages show it."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database, self._broker, self._runs = database, broker, Runs(database)
        self._lock = asyncio.Lock()
        self._kept: tuple[float, dict[str, Any]] | None = None

    async def get(self) -> dict[str, Any]:
        """Return queue depths, runs by status, workers and the model in use."""
        async with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > KEEP_S:
                queue, runs, workers = await asyncio.gather(
                    self._queue(), self._runs.count_by_status(), self._workers()
                )
                body = {"queue": queue, "runs_by_status": runs, "workers": workers, "model": _model(workers)}
                self._kept = (time.monotonic(), body)
            return self._kept[1]

    async def _queue(self) -> dict[str, int | None]:
        """Return queue depths; unknown, not an error, while the broker is away: the rest can still be read."""
        try:
            depths = await asyncio.gather(*(self._broker.depth(name) for name in (CLASSIFY, RECLASSIFY, PARKED)))
        except Unavailable:
            return {"ready": None, "parked": None}
        return {"ready": depths[0] + depths[1], "parked": depths[2]}

    async def _workers(self) -> list[dict[str, Any]]:
        cursor = self._database.workers.find().sort("_id", 1)
        documents = await available(lambda: cursor.to_list(1000))
        return [
            {field: document.get(field) for field in WORKER_FIELDS}
            | {"worker_id": document.get("worker_id", str(document["_id"]))}
            for document in documents
        ]


def _model(workers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the model of the worker that was seen last."""
    seen = [worker for worker in workers if worker["model_id"] and worker["seen_at"]]
    if not seen:
        return None
    last = max(seen, key=lambda worker: worker["seen_at"])
    return {"model_id": last["model_id"], "demo": bool(last["demo"])}


CAMERAS = web.AppKey("cameras", Cameras)
STATUS = web.AppKey("status", StatusReader)


async def cameras(request: web.Request) -> web.Response:
    """``GET /api/v1/cameras``; ``exact=true``: with the places as they are, for operators."""
    principal = await reader_of(request)
    exact = Parameters(request.query, ("exact", "format")).flag("exact")
    form = form_of(request)
    if exact:
        principal.require_administrator()
    visible = visible_cameras(principal, ())
    found = [camera for camera in await request.app[CAMERAS].all() if not visible or camera.camera_id in visible]
    items = [camera.model_dump(mode="json") if exact else public_camera(camera) for camera in found]
    return answer(request, {"items": items}, [_flat(item) for item in items], form=form)


def _flat(camera: dict[str, Any]) -> dict[str, Any]:
    """Return a camera as a row of a table: what it last said of itself beside the rest."""
    heartbeat = camera.get("heartbeat") or {}
    row = {name: value for name, value in camera.items() if name != "heartbeat"}
    return row | {f"heartbeat_{name}": heartbeat.get(name) for name in Heartbeat.model_fields}


async def status(request: web.Request) -> web.Response:
    """``GET /api/v1/status``."""
    await reader_of(request)
    Parameters(request.query, ())
    return json_response(await request.app[STATUS].get(), headers={"Cache-Control": "no-store"})


async def classes(request: web.Request) -> web.Response:
    """``GET /api/v1/taxonomy``: all classes with their names; needs no key, it is the same for everyone."""
    Parameters(request.query, ("format",))
    items = [entry.model_dump(mode="json") for entry in taxonomy().values()]
    headers = {"Cache-Control": "public, max-age=3600", "Vary": "Accept"}
    return answer(request, {"items": items}, items, form=form_of(request), headers=headers)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/api/v1/cameras", cameras),
        web.get("/api/v1/status", status),
        web.get("/api/v1/taxonomy", classes),
    ]
