"""Dead letters: send them to work again, or throw them away. Takes a key with ``admin`` for all cameras."""

from aiohttp import web

from proto.dead import DeadLetterFilter
from services.chassis.parked import Parked
from services.chassis.web import json_response
from services.ingest.bodies import body_of
from services.ingest.operators import administrator, note

PARKED = web.AppKey("parked", Parked)


async def replay_many(request: web.Request) -> web.Response:
    """``POST /api/v1/dead/replay``: all of them, or those of a queue, a camera, a run."""
    principal = await administrator(request)
    wanted = await body_of(request, DeadLetterFilter)
    done = await request.app[PARKED].replay(None, wanted)
    note(principal, "dead letters replayed", **wanted.model_dump(exclude_none=True), done=done.done, left=done.left)
    return json_response(done)


async def replay(request: web.Request) -> web.Response:
    """``POST /api/v1/dead/{id}/replay``."""
    principal = await administrator(request)
    letter = request.match_info["id"]
    done = await request.app[PARKED].replay(letter)
    note(principal, "dead letter replayed", letter=letter)
    return json_response(done)


async def drop(request: web.Request) -> web.Response:
    """``DELETE /api/v1/dead/{id}``: the run and its pictures stay."""
    principal = await administrator(request)
    letter = request.match_info["id"]
    done = await request.app[PARKED].drop(letter)
    note(principal, "dead letter dropped", letter=letter)
    return json_response(done)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.post("/api/v1/dead/replay", replay_many),  # before the next one: "replay" is no id
        web.post("/api/v1/dead/{id:[0-9a-f]{8}}/replay", replay),
        web.delete("/api/v1/dead/{id:[0-9a-f]{8}}", drop),
    ]
