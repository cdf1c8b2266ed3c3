"""``/api/v1/live``: what happens to runs, as server-sent events and over WebSockets."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from proto.errors import BadRequest, TooManyRequests, Unavailable
from services.chassis.changes import CannotResume
from services.query.access import SETTINGS, reader_of, visible_cameras
from services.query.live import EncodedEvent, LiveHub, Wanted
from services.query.live_readers import SocketReader, SseReader
from services.query.parameters import Parameters

HUB = web.AppKey("hub", LiveHub)
CATCH_UPS = web.AppKey("catch_ups", asyncio.Semaphore)
"""Streams that read up at the same time: each has a change stream of its own for that moment."""
FILTERS = ("camera", "class", "last_event_id")
_TOKEN = re.compile(r"[0-9A-Fa-f]{16,400}")
HELLO = b"retry: 2000\n: krabbel live\n\n"
CATCH_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asks for."""

    wanted: Wanted
    last: str | None


async def _asked(request: web.Request) -> Asked:
    """Return what the reader asks for, once the hub can serve it.

    Raises:
        BadRequest: the place to resume at cannot be one.
        TooManyRequests: there are too many readers.
        Unavailable: the database is away since the service started.
    """
    principal = await reader_of(request)
    parameters = Parameters(request.query, FILTERS)
    cameras = visible_cameras(principal, parameters.cameras())
    hub = request.app[HUB]
    if hub.readers >= request.app[SETTINGS].live_readers:
        raise TooManyRequests("This process has as many live readers as it is allowed to have; try again.")
    last = request.headers.get("Last-Event-ID") or parameters.text("last_event_id", longest=400)
    if last is not None and not _TOKEN.fullmatch(last):
        raise BadRequest("Last-Event-ID: is no id of an event of this stream. Leave it out to begin with now.")
    try:
        async with asyncio.timeout(3):
            await hub.following.wait()
    except TimeoutError as error:
        raise Unavailable("The live stream has no database yet; try again.") from error
    return Asked(Wanted(frozenset(cameras), frozenset(parameters.labels())), last)


async def _missed(request: web.Request, asked: Asked) -> AsyncIterator[EncodedEvent]:
    """Yield what happened since, from memory or from the database's log."""
    hub, after = request.app[HUB], asked.last
    if after is None:
        return
    remembered = hub.remembered(after)
    if remembered is not None:
        for event in remembered:
            yield event
        return
    async with asyncio.timeout(CATCH_UP_S), request.app[CATCH_UPS]:
        async for event in hub.catch_up(after):
            yield event


async def live(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/live``: server-sent events."""
    asked = await _asked(request)
    hub, settings = request.app[HUB], request.app[SETTINGS]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    chunked = request.version >= (1, 1)
    if chunked:
        response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(HELLO)  # through aiohttp, so that it sends the headers; later the hub writes
    transport = request.transport
    if transport is None:
        return response
    reader = SseReader(transport, asked.wanted, chunked=chunked, backlog_bytes=settings.live_backlog_bytes)
    hub.add(reader)
    last_sent = ""
    try:
        try:
            async for event in _missed(request, asked):
                if asked.wanted.takes(event):
                    await response.write(event.frame)
                last_sent = event.event_id
        except (CannotResume, TimeoutError, Unavailable):
            reader.reset()
        reader.release(last_sent)
        await reader.closed.wait()
    except ConnectionError:  # the other side left while it caught up
        pass
    finally:
        hub.remove(reader)
    return response


async def live_socket(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/live/ws``: the same over a WebSocket; each message is a LiveEvent, or ``{"type": "reset"}``."""
    asked = await _asked(request)
    hub, settings = request.app[HUB], request.app[SETTINGS]
    socket = web.WebSocketResponse(heartbeat=settings.live_heartbeat_s, max_msg_size=1024, compress=False)
    if not socket.can_prepare(request):
        raise BadRequest("This address speaks WebSocket only; server-sent events are at /api/v1/live.")
    await socket.prepare(request)
    reader = SocketReader(asked.wanted, backlog_bytes=settings.live_backlog_bytes)
    hub.add(reader)

    async def send() -> None:
        last_sent = ""
        try:
            async for event in _missed(request, asked):
                if asked.wanted.takes(event):
                    await socket.send_str(event.json.decode())
                last_sent = event.event_id
        except (CannotResume, TimeoutError, Unavailable):
            reader.reset()
        reader.release(last_sent)
        while (message := await reader.next()) is not None:
            await socket.send_str(message.decode())

    sending = asyncio.create_task(send(), name="live-socket")
    listening = asyncio.create_task(_until_closed(socket), name="live-socket-close")
    try:
        await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.remove(reader)
        for task in (sending, listening):
            task.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)
        await socket.close()
    return socket


async def _until_closed(socket: web.WebSocketResponse) -> None:
    """Return when the other side has closed; what it says is not listened to."""
    async for _ in socket:
        pass


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/api/v1/live", live, allow_head=False),
        web.get("/api/v1/live/ws", live_socket, allow_head=False),
    ]
