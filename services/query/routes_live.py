"""``/api/v1/live``: what happens to runs, as server-sent events."""

import asyncio
import re
from collections.abc import AsyncIterator

from aiohttp import web

from proto.errors import BadRequest, TooManyRequests, Unavailable
from services.chassis.changes import CannotResume
from services.query.access import SETTINGS, reader_of, visible_cameras
from services.query.live import EncodedEvent, LiveHub, Wanted
from services.query.parameters import Parameters

HUB = web.AppKey("hub", LiveHub)
CATCH_UPS = web.AppKey("catch_ups", asyncio.Semaphore)
"""Streams that read up at the same time: each has a change stream of its own for that moment."""
FILTERS = ("camera", "class", "last_event_id")
_TOKEN = re.compile(r"[0-9A-Fa-f]{16,400}")
HELLO = b"retry: 2000\n: krabbel live\n\n"
HEARTBEAT = b": heartbeat\n\n"
RESET = b"event: reset\ndata: {}\n\n"
CATCH_UP_S = 30.0


def frame_of(event: EncodedEvent) -> bytes:
    """Return the event as server-sent event."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.event_id.encode(), event.type.encode(), event.json)


class SseReader:
    """A reader at the other end of a connection.

    The hub writes to the transport itself, without a task and a queue per reader: the transport's buffer is the bounded
    queue. Chunks are framed here, as HTTP/1.1 wants them.
    """

    def __init__(self, transport: asyncio.Transport, wanted: Wanted, *, chunked: bool, backlog_bytes: int) -> None:
        self.wanted = wanted
        self._transport = transport
        self._chunked = chunked
        self._backlog_bytes = backlog_bytes
        self._held: list[EncodedEvent] | None = []
        self.closed = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Send bytes as they are, as one chunk."""
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def send(self, event: EncodedEvent) -> None:
        """Take an event; while the reader still catches up, it is held back."""
        if self._held is not None:
            self._held.append(event)
        else:
            self.write(frame_of(event))

    def release(self, last_sent: str) -> None:
        """Caught up: send what was held back, but for what the catching up already told."""
        held, self._held = self._held or [], None
        for event in held:
            if event.event_id > last_sent:
                self.write(frame_of(event))

    def beat(self) -> None:
        """Say that the stream lives."""
        self.write(HEARTBEAT)

    def reset(self) -> None:
        """Say that events may be missing."""
        self.write(RESET)

    def behind(self) -> bool:
        """Say whether too much is unsent."""
        held = sum(len(event.json) for event in self._held or ())
        return self._transport.get_write_buffer_size() + held > self._backlog_bytes

    def gone(self) -> bool:
        """Say whether the connection is closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """End the stream; the handler then returns."""
        if self.behind():
            self._transport.abort()
        self.closed.set()


async def _missed(hub: LiveHub, after: str, limit: asyncio.Semaphore) -> AsyncIterator[EncodedEvent]:
    """Yield what happened since, from memory or from the database's log."""
    remembered = hub.remembered(after)
    if remembered is not None:
        for event in remembered:
            yield event
        return
    async with asyncio.timeout(CATCH_UP_S), limit:
        async for event in hub.catch_up(after):
            yield event


async def live(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/live``."""
    principal = await reader_of(request)
    parameters = Parameters(request.query, FILTERS)
    cameras = visible_cameras(principal, parameters.cameras())
    wanted = Wanted(frozenset(cameras), frozenset(parameters.labels()))
    hub, settings = request.app[HUB], request.app[SETTINGS]
    if hub.readers >= settings.live_readers:
        raise TooManyRequests("This process has as many live readers as it is allowed to have; try again.")
    last = request.headers.get("Last-Event-ID") or parameters.text("last_event_id", longest=400)
    if last is not None and not _TOKEN.fullmatch(last):
        raise BadRequest("Last-Event-ID: is no id of an event of this stream. Leave it out to begin with now.")
    try:
        async with asyncio.timeout(3):
            await hub.following.wait()
    except TimeoutError as error:
        raise Unavailable("The live stream has no database yet; try again.") from error

    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    chunked = request.version >= (1, 1)
    if chunked:
        response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(HELLO)  # through aiohttp, so that it sends the headers; from here on the hub writes
    transport = request.transport
    if transport is None:
        return response
    reader = SseReader(transport, wanted, chunked=chunked, backlog_bytes=settings.live_backlog_bytes)
    hub.add(reader)
    try:
        last_sent = ""
        if last is not None:
            try:
                async for event in _missed(hub, last, request.app[CATCH_UPS]):
                    if wanted.takes(event):
                        await response.write(frame_of(event))
                    last_sent = event.event_id
            except (CannotResume, TimeoutError, Unavailable):
                reader.reset()
        reader.release(last_sent)
        await reader.closed.wait()
    finally:
        hub.remove(reader)
    return response


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/live", live, allow_head=False)]
