"""``GET /api/v1/reclassifications``: what was ordered, and how far it is."""

from contextlib import suppress

from aiohttp import web

from proto.errors import Unavailable
from proto.reclassification import ReclassificationList
from services.chassis.reclassification import Reclassifications
from services.chassis.web import json_response
from services.query.access import administrator_of
from services.query.parameters import Parameters

ORDERS = web.AppKey("orders", Reclassifications)


async def reclassifications(request: web.Request) -> web.Response:
    """``GET /api/v1/reclassifications``: newest first."""
    await administrator_of(request)
    Parameters(request.query, ())
    orders = request.app[ORDERS]
    items = tuple(order.shown() for order in reversed(await orders.all()))
    waiting: int | None = None
    with suppress(Unavailable):  # what was ordered can be read all the same
        waiting = await orders.waiting()
    return json_response(ReclassificationList(items=items, waiting=waiting), headers={"Cache-Control": "no-store"})


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/reclassifications", reclassifications)]
