"""Reclassifications: order, pause and go on. This process sends the jobs, behind the live ones."""

import asyncio

from aiohttp import web

from proto.errors import KrabbelError
from proto.reclassification import NewReclassification, OrderState
from services.chassis.logging import get_logger
from services.chassis.reclassification import Reclassifications
from services.chassis.web import json_response
from services.ingest.bodies import body_of
from services.ingest.context import CAMERAS
from services.ingest.operators import administrator, note
from services.ingest.routes_admin import MODELS

ORDERS = web.AppKey("orders", Reclassifications)
LOOK_S = 2.0
log = get_logger(__name__)


async def order(request: web.Request) -> web.Response:
    """``POST /api/v1/reclassifications``."""
    principal = await administrator(request)
    wanted = await body_of(request, NewReclassification)
    await request.app[MODELS].get(wanted.model_id)
    if wanted.camera_id is not None:
        await request.app[CAMERAS].get(wanted.camera_id)
    made = (await request.app[ORDERS].order(**wanted.model_dump())).shown()
    note(principal, "reclassification ordered", order=made.id, model_id=made.model_id, runs=made.total)
    return json_response(made, status=201)


async def pause(request: web.Request) -> web.Response:
    """``POST /api/v1/reclassifications/{id}/pause``."""
    return await _set(request, OrderState.PAUSED)


async def resume(request: web.Request) -> web.Response:
    """``POST /api/v1/reclassifications/{id}/resume``."""
    return await _set(request, OrderState.RUNNING)


async def _set(request: web.Request, state: OrderState) -> web.Response:
    principal = await administrator(request)
    changed = (await request.app[ORDERS].set_state(request.match_info["id"], state)).shown()
    note(principal, f"reclassification {state.value}", order=changed.id)
    return json_response(changed)


async def send_forever(orders: Reclassifications) -> None:
    """Carry out orders, oldest first, until cancelled; a server that is away is met again in the next round."""
    while True:
        try:
            for waiting in await orders.all():
                if waiting.state is OrderState.RUNNING:
                    done = await orders.send(waiting.order_id)
                    log.info("reclassification", order=done.order_id, state=done.state.value, sent=done.sent)
        except KrabbelError as error:
            log.debug("reclassification waits for a store", error=str(error)[:200])
        await asyncio.sleep(LOOK_S)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    path = "/api/v1/reclassifications"
    return [
        web.post(path, order),
        web.post(path + "/{id:[0-9a-f]{8}}/pause", pause),
        web.post(path + "/{id:[0-9a-f]{8}}/resume", resume),
    ]
