"""What operators read: keys, models, how the system is. All of it takes a key with ``admin`` for all cameras."""

from aiohttp import web

from proto.administration import ModelList, key_info
from services.chassis.models import Models, model_info
from services.chassis.web import json_response
from services.chassis.workers import Workers
from services.query.access import administrator_of
from services.query.parameters import Parameters
from services.query.routes_about import CAMERAS
from services.query.system import SystemReader

MODELS = web.AppKey("models", Models)
WORKERS = web.AppKey("workers", Workers)
SYSTEM = web.AppKey("system", SystemReader)
NEVER_KEPT = {"Cache-Control": "no-store"}


async def keys(request: web.Request) -> web.Response:
    """``GET /api/v1/keys``: newest first, revoked ones too; never a key."""
    await administrator_of(request)
    Parameters(request.query, ())
    found = sorted(await request.app[CAMERAS].keys(), key=lambda key: key.created_at, reverse=True)
    return json_response({"items": [key_info(key) for key in found]}, headers=NEVER_KEPT)


async def models(request: web.Request) -> web.Response:
    """``GET /api/v1/models``: newest first, with the workers that use each."""
    await administrator_of(request)
    Parameters(request.query, ())
    known = request.app[MODELS]
    found, active, alive = await known.all(), await known.active_id(), await request.app[WORKERS].alive()
    items = tuple(model_info(model, active, alive) for model in reversed(found))
    return json_response(ModelList(items=items, active=active), headers=NEVER_KEPT)


async def system(request: web.Request) -> web.Response:
    """``GET /api/v1/system``: queues, workers, spools, storage, disks."""
    await administrator_of(request)
    Parameters(request.query, ())
    return json_response(await request.app[SYSTEM].get(), headers=NEVER_KEPT)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/api/v1/keys", keys),
        web.get("/api/v1/models", models),
        web.get("/api/v1/system", system),
    ]
