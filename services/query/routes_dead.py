"""``GET /api/v1/dead``: jobs that no worker could do. Looking takes them in hand, so looks are few and short."""

import asyncio
import time

from aiohttp import web

from proto.dead import MOST_SHOWN, DeadLetters
from proto.errors import Unavailable
from services.chassis.parked import Parked
from services.chassis.web import json_response
from services.query.access import administrator_of
from services.query.parameters import Parameters

KEEP_S, LONGEST_KEEP_S = 2.0, 15.0
RARELY = 10
"""A long look is followed by a longer rest: most of the time the messages are free for whoever replays them"""
LOOK_S = 20.0


class DeadReader:
    """What is parked: one look at a time, which then serves all who ask within a moment."""

    def __init__(self, parked: Parked) -> None:
        self._parked = parked
        self._lock = asyncio.Lock()
        self._kept: DeadLetters | None = None
        self._until = 0.0

    async def get(self, limit: int) -> DeadLetters:
        """Return the longest parked ones, at most ``limit``.

        Raises:
            Unavailable: broker or database are away.
        """
        async with self._lock:
            started = time.monotonic()
            if self._kept is None or started >= self._until:
                try:
                    async with asyncio.timeout(LOOK_S):
                        self._kept = await self._parked.letters(MOST_SHOWN)
                except TimeoutError as error:
                    raise Unavailable("The broker takes too long to show what is parked; try again.") from error
                ended = time.monotonic()
                self._until = ended + min(LONGEST_KEEP_S, max(KEEP_S, (ended - started) * RARELY))
            kept = self._kept
        return kept.model_copy(update={"items": kept.items[:limit]})


DEAD = web.AppKey("dead", DeadReader)


async def dead(request: web.Request) -> web.Response:
    """``GET /api/v1/dead``."""
    await administrator_of(request)
    limit = Parameters(request.query, ("limit",)).whole("limit", 100, least=1, most=MOST_SHOWN)
    return json_response(await request.app[DEAD].get(limit), headers={"Cache-Control": "no-store"})


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/dead", dead)]
