"""The two kinds of live readers: server-sent events on a bare transport, and WebSockets."""

import asyncio

from services.query.live import EncodedEvent, Wanted, chunk_of

HEARTBEAT = b": heartbeat\n\n"
RESET = b"event: reset\ndata: {}\n\n"
RESET_MESSAGE = b'{"type":"reset"}'


class CatchingUp:
    """What both kinds share: while a reader catches up with the past, the present is held back."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.closed = asyncio.Event()
        self._held: list[EncodedEvent] | None = []
        self._held_bytes = 0

    def tell(self, event: EncodedEvent) -> None:
        """Send the event now."""
        raise NotImplementedError

    def hold(self, event: EncodedEvent) -> None:
        """Keep the event until the past was told."""
        if self._held is not None:
            self._held.append(event)
            self._held_bytes += len(event.json)

    def release(self, last_sent: str) -> None:
        """Caught up: tell what was held back, but for what the catching up already told."""
        held, self._held, self._held_bytes = self._held or [], None, 0
        for event in held:
            if event.event_id > last_sent:  # tokens are made to be compared
                self.tell(event)


class SseReader(CatchingUp):
    """A reader of server-sent events.

    The hub writes to the transport itself, without a task and a queue per reader: the transport's buffer is the bounded
    queue. Events come framed and chunked, as HTTP/1.1 wants them, so a reader costs a few calls an event.
    """

    def __init__(self, transport: asyncio.Transport, wanted: Wanted, *, chunked: bool, backlog_bytes: int) -> None:
        super().__init__(wanted)
        self._transport = transport
        self._write, self._unsent = transport.write, transport.get_write_buffer_size
        self._is_closing = transport.is_closing
        self._chunked = chunked
        self._backlog_bytes = backlog_bytes

    def send(self, event: EncodedEvent) -> bool:
        """Take an event."""
        if self._is_closing():
            return False
        if self._held is not None:
            self.hold(event)
        else:
            self._write(event.chunk if self._chunked else event.frame)
        return self._unsent() + self._held_bytes <= self._backlog_bytes

    def tell(self, event: EncodedEvent) -> None:
        """Send the event now."""
        self._write(event.chunk if self._chunked else event.frame)

    def beat(self) -> bool:
        """Say that the stream lives."""
        return self._say(HEARTBEAT)

    def reset(self) -> bool:
        """Say that events may be missing."""
        return self._say(RESET)

    def gone(self) -> bool:
        """Say whether the connection is closed."""
        return self._is_closing()

    def close(self) -> None:
        """End the stream; the handler then returns."""
        if self._unsent() > self._backlog_bytes:
            self._transport.abort()
        self.closed.set()

    def _say(self, data: bytes) -> bool:
        if self._is_closing():
            return False
        self._write(chunk_of(data) if self._chunked else data)
        return self._unsent() + self._held_bytes <= self._backlog_bytes


class SocketReader(CatchingUp):
    """A reader at a WebSocket; its handler sends what :meth:`next` returns."""

    def __init__(self, wanted: Wanted, *, backlog_bytes: int) -> None:
        super().__init__(wanted)
        self._backlog_bytes = backlog_bytes
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by behind()
        self._queued_bytes = 0

    def put(self, message: bytes) -> None:
        """Queue a message."""
        self._queued_bytes += len(message)
        self._queue.put_nowait(message)

    def send(self, event: EncodedEvent) -> bool:
        """Take an event."""
        if self._held is not None:
            self.hold(event)
        else:
            self.tell(event)
        return self._follows()

    def tell(self, event: EncodedEvent) -> None:
        """Send the event now."""
        self.put(event.json)

    def beat(self) -> bool:
        """Nothing to do: a WebSocket has its own pings."""
        return self._follows()

    def reset(self) -> bool:
        """Say that events may be missing."""
        self.put(RESET_MESSAGE)
        return self._follows()

    def _follows(self) -> bool:
        return not self.closed.is_set() and self._queued_bytes + self._held_bytes <= self._backlog_bytes

    def gone(self) -> bool:
        """Say whether the reader was closed."""
        return self.closed.is_set()

    def close(self) -> None:
        """End the stream; :meth:`next` then returns None at once."""
        self.closed.set()
        self._queue.put_nowait(None)

    async def next(self) -> bytes | None:
        """Return the next message, or None at the end."""
        message = await self._queue.get()
        if message is None or self.closed.is_set():
            return None
        self._queued_bytes -= len(message)
        return message
