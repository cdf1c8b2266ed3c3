"""One change stream for any number of readers: each event is encoded once and handed to whoever wants it.

A :class:`Reader` is anything that takes frames. The hub never waits for one: a reader says how much it has not sent
yet, and who is too far behind is cut off; it may come back with ``Last-Event-ID`` and misses nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Counter, Gauge

from proto.errors import Unavailable
from proto.live import LiveEvent, LiveEventType
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
    """One event, ready for the wire."""

    event_id: str
    type: str
    camera_id: str
    label: str | None
    json: bytes


class Reader(Protocol):
    """Who listens."""

    wanted: Wanted

    def send(self, event: EncodedEvent) -> None:
        """Take the event; must not wait."""

    def beat(self) -> None:
        """Tell the other side that the stream lives."""

    def reset(self) -> None:
        """Tell the other side that events may be missing: read everything anew."""

    def behind(self) -> bool:
        """Say whether too much is unsent."""

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
    label = run.result.label if run.result else None
    return EncodedEvent(change.token, kind.value, run.camera_id, label, event.model_dump_json().encode())


class LiveHub:
    """Fans one change stream out. Run :meth:`follow_forever` as a task."""

    def __init__(self, database: Database, history: int) -> None:
        self._database = database
        self._readers: set[Reader] = set()
        self._history: OrderedDict[str, EncodedEvent] = OrderedDict()
        self._history_length = history
        self._changes = RunChanges(database)
        self.following = asyncio.Event()
        self.closing = asyncio.Event()

    @property
    def readers(self) -> int:
        """The number of open streams."""
        return len(self._readers)

    def add(self, reader: Reader) -> None:
        """Hand events to this reader from now on."""
        self._readers.add(reader)
        READERS.set(len(self._readers))

    def remove(self, reader: Reader) -> None:
        """Hand it no more."""
        self._readers.discard(reader)
        READERS.set(len(self._readers))

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
                self._each(lambda reader: reader.reset())
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
            self._each(lambda reader: reader.beat())

    def _publish(self, change: RunChange) -> None:
        event = event_of(change)
        if event is None:
            return
        EVENTS.labels(event.type).inc()
        self._history[event.event_id] = event
        while len(self._history) > self._history_length:
            self._history.popitem(last=False)
        self._each(lambda reader: reader.send(event) if reader.wanted.takes(event) else None)

    def _each(self, do: Callable[[Reader], None]) -> None:
        """Do something with every reader, and part with those who left or are too slow."""
        for reader in tuple(self._readers):
            if not reader.gone():
                do(reader)
            if reader.gone() or reader.behind():
                if not reader.gone():
                    CUT.inc()
                self.remove(reader)
                reader.close()

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
        for reader in tuple(self._readers):
            self.remove(reader)
            reader.close()
