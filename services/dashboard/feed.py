"""The one feed of this process: from the query service into the state, and from there to all open pages.

It opens the live stream first and reads the counts then, so nothing falls between; what changes while a day is read
makes the day doubted, and a doubted day is read again. When the query service is away, all pages say so, and once it
is back everything is read anew: no page needs a reload.
"""

import asyncio
import time
from collections import Counter
from datetime import date
from enum import StrEnum

from prometheus_client import Counter as Metric
from prometheus_client import Histogram

from krabbel.client import QueryClient
from proto.errors import KrabbelError
from proto.live import LiveEvent
from proto.run import RunStatus
from proto.taxonomy import entry
from services.chassis.logging import get_logger
from services.dashboard.changes import Changes
from services.dashboard.figures import DayFigures
from services.dashboard.hub import Hub, Topic
from services.dashboard.state import VISITORS, State

TOP = 3
"""Classes that get a picture."""
LOOK_AGAIN_S = 60.0
CAMERAS_EVERY_S = 30.0
REST_FACTOR = 4
"""Between two readings of counts the query service rests so many times as long as the last one took."""

log = get_logger(__name__)
EVENTS = Metric("krabbel_dashboard_events_total", "Live events applied", ["type"])
READ_SECONDS = Histogram("krabbel_dashboard_read_seconds", "Time to read a day's counts from the query service")


class Link(StrEnum):
    """How the dashboard stands with the query service."""

    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"


class Feed:
    """Owns the state and its connection."""

    def __init__(self, client: QueryClient, *, patience_s: float = 5.0) -> None:
        self.state = State()
        self.hub = Hub()
        self.changes = Changes()
        self.link = Link.CONNECTING
        self.ever_live = False
        self._over = False
        self._client = client
        self._patience_s = patience_s
        self._today: date | None = None
        self._touched: Counter[date] = Counter()
        self._stir = asyncio.Event()

    @property
    def today(self) -> date:
        """The cameras' day."""
        return self.state.today()

    def stop(self, task: asyncio.Task[None]) -> None:
        """End the task of :meth:`run`.

        Cancelling alone is not enough: a task group that fails at that very moment swallows it (Python 3.11, 3.12).
        """
        self._over = True
        task.cancel()

    async def run(self) -> None:
        """Follow the query service until :meth:`stop`."""
        pause = 0.25
        while not self._over:
            try:
                await self._follow()
            except* KrabbelError as group:
                reasons = [str(error) for error in group.exceptions]
                if self.link is not Link.LOST:
                    log.warning("query service lost", reasons=reasons)
                pause = 0.25 if self.link is Link.LIVE else min(pause * 2, self._patience_s)
            except* Exception as group:
                log.error("feed failed", exc_info=group)
                pause = self._patience_s
            if not self._over:
                self._set_link(Link.LOST)
                await asyncio.sleep(pause)

    # -- one connection ----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        opened = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(opened))
            await opened.wait()
            self.state.start_anew()
            self.changes.missed()
            await self._read_all()
            self._set_link(Link.LIVE)
            log.info("query service followed", days=len(self.state.days), cameras=len(self.state.cameras))
            group.create_task(self._keep_counts_true())
            group.create_task(self._keep_watch())

    async def _listen(self, opened: asyncio.Event) -> None:
        async for event in self._client.live(opened=opened):
            self._apply(event)

    def _apply(self, event: LiveEvent) -> None:
        EVENTS.labels(event.type.value).inc()
        day = event.run.local_date
        self._touched[day] += 1
        change = self.state.apply(event)
        self.changes.tell(event.run)
        subjects: list[Topic | date] = []
        if change.counts:
            subjects += [day, Topic.TOTALS]
        if change.cameras:
            subjects.append(Topic.CAMERAS)
        if subjects or change.run is not None:
            self.hub.publish(subjects, change.run)
        if self.state.doubted or self.state.unknown_camera:
            self._stir.set()

    async def _read_all(self) -> None:
        """Take the snapshot: what runs wait or crawled last, all days, today, cameras, queue."""
        self.state.load_cameras(await self._client.cameras())
        self._today = self.today
        visitors = (await self._client.runs(insect=True, limit=VISITORS)).items
        waiting = [
            run
            for status in (RunStatus.RECEIVED, RunStatus.QUEUED)
            for run in (await self._client.runs(status=status, limit=VISITORS)).items
        ]
        self.state.load_visitors([*visitors, *waiting])
        await self._read_days({self._today})
        self.state.system = await self._client.status()
        self.hub.publish([*Topic])

    async def _keep_counts_true(self) -> None:
        """Read what is doubted or new, soon but not without rest; and every minute today, which pages look at."""
        looked = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(1.0):
                    await self._stir.wait()
            except TimeoutError:
                pass
            self._stir.clear()
            if self.state.unknown_camera:
                await self._read_cameras()
            await self._roll_over()
            if time.monotonic() - looked > LOOK_AGAIN_S:
                looked = time.monotonic()
                self.state.doubted.add(self.today)
            if days := set(self.state.doubted):
                started = time.monotonic()
                await self._read_days({day for day in days if day in self.state.figures or day == self.today})
                await asyncio.sleep(min(REST_FACTOR * (time.monotonic() - started), 5.0))

    async def _read_days(self, wanted: set[date]) -> None:
        """Read all days' totals and the counts of these days."""
        self.state.doubted.clear()
        touched = self._touched.total()
        self.state.load_days(await self._client.days())
        self.state.load_records(await self._client.sightings())
        if self._touched.total() != touched:
            self.state.doubted.add(self.today)
        for day in sorted(wanted, reverse=True):
            touched = self._touched[day]
            with READ_SECONDS.time():
                figures = DayFigures.read(await self._client.class_hours(day))
            self.state.load_figures(figures)
            await self._read_portraits(figures)
            if self._touched[day] != touched:
                self.state.doubted.add(day)
        if self.state.doubted:
            self._stir.set()
        self.hub.publish([*wanted, Topic.TOTALS])

    async def _read_portraits(self, figures: DayFigures) -> None:
        for label in [label for label, _ in figures.ranking() if entry(label).is_insect][:TOP]:
            if self.state.portrait(figures.day, label) is None:
                for run in (await self._client.runs(day=figures.day, label=label, limit=1)).items:
                    self.state.keep_portrait(figures.day, label, run)

    async def _roll_over(self) -> None:
        """At the cameras' midnight today becomes another day, whether or not an insect comes."""
        if self.today != self._today:
            self._today = self.today
            self.state.doubted.add(self._today)
            self.hub.publish([Topic.TOTALS, self._today])

    async def _keep_watch(self) -> None:
        """Ask for queue, workers and cameras; seldom while nobody looks."""
        cameras_at = time.monotonic()
        while True:
            await asyncio.sleep(2.0 if len(self.hub) else 10.0)
            system = await self._client.status()
            if system != self.state.system:
                self.state.system = system
                self.hub.publish([Topic.SYSTEM])
            if time.monotonic() - cameras_at > CAMERAS_EVERY_S:
                cameras_at = time.monotonic()
                await self._read_cameras()

    async def _read_cameras(self) -> None:
        self.state.load_cameras(await self._client.cameras())
        self.hub.publish([Topic.CAMERAS])

    def _set_link(self, link: Link) -> None:
        if link is not self.link:
            self.link = link
            self.ever_live |= link is Link.LIVE
            self.hub.publish([Topic.LINK])
