"""Fan-out by coalescing: one feed, many sessions, and no queue that a slow session could fill.

A subscription keeps *which* topics changed, not what they said: when its session gets round to it, it takes the latest.
Only cards are kept one by one, the newest few. However fast events come, one flush per session is under way.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum

from prometheus_client import Counter, Gauge

from proto.run import TrackingRun
from services.dashboard.state import VISITORS

SESSIONS = Gauge("krabbel_dashboard_sessions", "Open pages that listen")
FLUSHES = Counter("krabbel_dashboard_flushes_total", "Messages sent to open pages")


class Topic(StrEnum):
    """What a page shows besides the day's counts and the cards."""

    TOTALS = "totals"
    CAMERAS = "cameras"
    SYSTEM = "system"
    LINK = "link"
    GALLERY = "gallery"


Subject = Topic | date
"""A topic, or the counts of a day."""


class Subscription:
    """One open page. ``wake`` is called once, then not again until :meth:`take`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._awake = False
        self._cards: OrderedDict[str, TrackingRun] = OrderedDict()
        self._subjects: set[Subject] = set()

    def offer(self, subjects: Iterable[Subject], card: TrackingRun | None) -> None:
        """Note what changed, and wake the session if it sleeps."""
        self._subjects.update(subjects)
        if card is not None:
            self._cards[card.run_id] = card
            self._cards.move_to_end(card.run_id)
            while len(self._cards) > VISITORS:
                self._cards.popitem(last=False)
        if not self._awake and (self._subjects or self._cards):
            self._awake = True
            self._wake()

    def take(self) -> tuple[set[Subject], list[TrackingRun]]:
        """Return what changed since the last time."""
        subjects, cards = self._subjects, list(self._cards.values())
        self._subjects, self._cards, self._awake = set(), OrderedDict(), False
        FLUSHES.inc()
        return subjects, cards


class Hub:
    """All open pages of this process."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.version = 0
        """Grows with every change: a page that was rendered at this version needs no other snapshot."""

    def __len__(self) -> int:
        return len(self._subscriptions)

    def join(self, subscription: Subscription) -> None:
        """From now on the page hears of changes."""
        self._subscriptions.add(subscription)
        SESSIONS.set(len(self))

    def leave(self, subscription: Subscription) -> None:
        """The page is gone. Leaving twice is no fault."""
        self._subscriptions.discard(subscription)
        SESSIONS.set(len(self))

    def publish(self, subjects: Iterable[Subject] = (), card: TrackingRun | None = None) -> None:
        """Tell all pages that something changed."""
        subjects = tuple(subjects)
        self.version += 1
        for subscription in tuple(self._subscriptions):
            subscription.offer(subjects, card)
