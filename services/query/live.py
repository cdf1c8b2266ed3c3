"""One change stream for any number of readers: each event is encoded once and handed to whoever wants it.

A :class:`Reader` is anything that takes frames. The hub never waits for one: a reader says how much it has not sent
yet, and who is too far behind is cut off; it may come back with ``Last-Event-ID`` and misses nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from prometheus_client import Counter, Gauge

from proto.errors import Unavailable
from proto.live import LiveEvent, LiveEventType
from services.chassis import tracing
from services.chassis.changes import CannotResume, RunChange, RunChanges
from services.chassis.database import Database
from services.chassis.logging import get_logger
from services.chassis.runs import from_document

log = get_logger(__name__)
READERS = Gauge("krabbel_query_live_readers", "Open live streams")
EVENTS = Counter("krabbel_query_live_events_total", "Live events handed out, once each", ["type"])
CUT = Counter("krabbel_query_live_cut_total", "Live readers cut off because they were too slow")
RECONNECT_S = (0.1, 0.3, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to hear; empty means everything."""

    cameras: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    def takes(self, event: "EncodedEvent") -> bool:
        """Say whether the event is for this reader. A class filter lets only runs through that have the class."""
        return (not self.cameras or event.camera_id in self.cameras) and (not self.labels or event.label in self.labels)


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """One event, ready for the wire: encoded and framed once, however many readers get it."""

    event_id: str
    type: str
    camera_id: str
    label: str | None
    json: bytes
    frame: bytes
    """As server-sent event."""
    chunk: bytes
    """The frame as a chunk of HTTP/1.1."""


def encoded(event_id: str, kind: str, camera_id: str, label: str | None, json: bytes) -> EncodedEvent:
    """Return an event with its frames."""
    frame = b"id: %s\nevent: %s\ndata: %s\n\n" % (event_id.encode(), kind.encode(), json)
    return EncodedEvent(event_id, kind, camera_id, label, json, frame, chunk_of(frame))


def chunk_of(data: bytes) -> bytes:
    """Return bytes as a chunk of HTTP/1.1."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Reader(Protocol):
    """Who listens."""

    wanted: Wanted

    def send(self, event: EncodedEvent) -> bool:
        """Take the event, without waiting. Return False where the other side has left or is too far behind."""

    def beat(self) -> bool:
        """Tell the other side that the stream lives; returns as :meth:`send`."""

    def reset(self) -> bool:
        """Tell the other side that events may be missing: read everything anew; returns as :meth:`send`."""

    def gone(self) -> bool:
        """Say whether the other side has left."""

    def close(self) -> None:
        """End the stream now."""


def event_of(change: RunChange) -> EncodedEvent | None:
    """Return the event of a change; None where neither status nor result changed.

    The kind is what the change did, not what the run has become since: else one run would be told twice as classified.
    """
    if change.status is None and not change.result_changed:
        return None
    run = from_document(change.document)
    kind = LiveEventType(f"run.{change.status or run.status.value}")
    event = LiveEvent(event_id=change.token, type=kind, at=change.at, run=run)
    return encoded(change.token, kind.value, run.camera_id, run.label, event.model_dump_json().encode())


class Fan:
    """The readers of a stream. It never waits for one of them."""

    def __init__(self, gauge: Gauge | None = None) -> None:
        self._readers: dict[Wanted, set[Reader]] = {}
        self._gauge = gauge
        self._count = 0

    @property
    def readers(self) -> int:
        """The number of open streams."""
        return self._count

    def add(self, reader: Reader) -> None:
        """Hand events to this reader from now on."""
        self._readers.setdefault(reader.wanted, set()).add(reader)
        self._counted(1)

    def remove(self, reader: Reader) -> None:
        """Hand it no more; once is enough."""
        alike = self._readers.get(reader.wanted, set())
        if reader in alike:
            alike.remove(reader)
            if not alike:
                del self._readers[reader.wanted]
            self._counted(-1)

    def each(self, event: EncodedEvent | None, do: Callable[[Reader], bool]) -> None:
        """Do something with everyone who wants the event (None: with all), and part with those who cannot follow.

        Most readers want the same, so what is wanted is looked at once for all who want it.
        """
        left: list[Reader] = []
        for wanted, readers in self._readers.items():
            if event is None or wanted.takes(event):
                left += [reader for reader in readers if not do(reader)]
        for reader in left:
            if not reader.gone():
                CUT.inc()
            self.remove(reader)
            reader.close()

    def close(self) -> None:
        """End all streams."""
        for reader in [reader for readers in self._readers.values() for reader in readers]:
            self.remove(reader)
            reader.close()

    def _counted(self, change: int) -> None:
        self._count += change
        if self._gauge is not None:
            self._gauge.set(self._count)


class LiveHub:
    """Fans one change stream out. Run :meth:`follow_forever` as a task."""

    def __init__(self, database: Database, history: int) -> None:
        self._database = database
        self.fan = Fan(READERS)
        self._history: OrderedDict[str, EncodedEvent] = OrderedDict()
        self._history_length = history
        self._changes = RunChanges(database)
        self.following = asyncio.Event()
        self.closing = asyncio.Event()

    @property
    def readers(self) -> int:
        """The number of open streams."""
        return self.fan.readers

    def add(self, reader: Reader) -> None:
        """Hand events to this reader from now on."""
        self.fan.add(reader)

    def remove(self, reader: Reader) -> None:
        """Hand it no more; once is enough."""
        self.fan.remove(reader)

    async def follow_forever(self) -> None:
        """Follow the change stream; after a loss, go on behind the last event."""
        failures = 0
        while True:
            try:
                async for change in self._changes.follow():
                    self.following.set()
                    failures = 0
                    if change is not None:
                        self._publish(change)
            except CannotResume:
                log.warning("the live stream lost its place; readers are told to read anew")
                self._changes = RunChanges(self._database)
                self._history.clear()
                self.fan.each(None, lambda reader: reader.reset())
            except Unavailable as error:
                if not failures:
                    log.warning("the live stream lost the database; it will go on from where it was", error=str(error))
                await asyncio.sleep(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])
                failures += 1
            except Exception as error:  # one event that we cannot read must not silence all others
                log.error("a change could not be told", exc_info=error)
                await asyncio.sleep(RECONNECT_S[0])

    async def beat_forever(self, seconds: float) -> None:
        """Send heartbeats, and forget who has left."""
        while True:
            await asyncio.sleep(seconds)
            self.fan.each(None, lambda reader: reader.beat())

    def _publish(self, change: RunChange) -> None:
        event = event_of(change)
        if event is None:
            return
        EVENTS.labels(event.type).inc()
        self._history[event.event_id] = event
        while len(self._history) > self._history_length:
            self._history.popitem(last=False)
        self.fan.each(event, lambda reader: reader.send(event))
        age_s = (datetime.now(UTC) - change.at).total_seconds()
        tracing.record(str(change.document["_id"]), f"live event {event.type}", age_s, readers=self.fan.readers)

    def remembered(self, after: str) -> list[EncodedEvent] | None:
        """Return the events behind ``after`` from memory; None where it is not remembered."""
        if after not in self._history:
            return None
        ids = list(self._history)
        return [self._history[event_id] for event_id in ids[ids.index(after) + 1 :]]

    async def catch_up(self, after: str) -> AsyncIterator[EncodedEvent]:
        """Yield what happened behind ``after``, until now, from a change stream of its own.

        Raises:
            CannotResume: that is too long ago, or no token.
            Unavailable: the database is away.
        """
        changes = RunChanges(self._database, after=after, wait_s=0.05)
        async for change in changes.follow():
            event = event_of(change) if change is not None else None
            if event is not None:
                yield event
            # Tokens are made to be compared: past the hub's own place, the hub itself has told the rest.
            if change is None and (changes.token or "") >= (self._changes.token or ""):
                return

    def close(self) -> None:
        """End all streams (shutdown)."""
        self.closing.set()
        self.fan.close()
