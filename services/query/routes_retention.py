"""``GET /api/v1/retention``: how long pictures are kept, what the last sweep did, and what would go now."""

from datetime import UTC, datetime

from aiohttp import web

from services.chassis.retention import Retention
from services.query.access import administrator_of
from services.query.parameters import Parameters
from services.query.representations import answer

RETENTION = web.AppKey("retention", Retention)


async def get_retention(request: web.Request) -> web.Response:
    """Answer the rules and what they did. For the operator's keys only."""
    await administrator_of(request)
    Parameters(request.query, ())
    return answer(request, await request.app[RETENTION].state(datetime.now(UTC)))


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/retention", get_retention)]
