"""What the dashboard knows: the last visitors, the counts of days, cameras and the queue. No I/O, no Panel.

Live events change the counts at once. The counts are true because they start from what the query service counted, and
because every doubt (an event about a run that we never saw without its name) asks for the day to be read again.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from krabbel.answers import DayCount, Sighting, SystemStatus
from proto.camera import Camera
from proto.classification import Certainty
from proto.live import LiveEvent, LiveEventType
from proto.run import RunSource, RunStatus, TrackingRun
from services.dashboard.figures import DayFigures, Share
from services.dashboard.novelty import Novelty, Record, judge

VISITORS = 24
"""Runs kept for the gallery."""
WAITING = 3
"""Of these, runs that have no name yet: a long queue must not push all named visitors out. gallery.js does the same."""
REMEMBERED = 20_000
"""Runs whose share in the counts is remembered, so that a repeated event counts once."""
DAYS_LOADED = 16
DEFAULT_ZONE = "Europe/Berlin"

_ORDER = {
    LiveEventType.RECEIVED: 0,
    LiveEventType.QUEUED: 1,
    LiveEventType.FAILED: 2,
    LiveEventType.CLASSIFIED: 3,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What an event changed: the card to show anew, and whether counts and cameras did."""

    run: TrackingRun | None = None
    counts: bool = False
    cameras: bool = False


NOTHING = Change()


@dataclass(frozen=True, slots=True)
class _Seen:
    at: datetime
    order: int
    share: Share | None


class State:
    """One per process. All sessions read it; only the feed writes it."""

    def __init__(self) -> None:
        self.visitors: dict[str, TrackingRun] = {}
        self.days: dict[date, DayCount] = {}
        self.figures: OrderedDict[date, DayFigures] = OrderedDict()
        self.portraits: dict[date, dict[str, TrackingRun]] = {}
        self.cameras: dict[str, Camera] = {}
        self.system = SystemStatus()
        self.records: dict[str, Record] = {}
        self.remarkable: OrderedDict[str, Novelty] = OrderedDict()
        """Runs that deserve a second look, with the reason; said once, it stays said."""
        self.doubted: set[date] = set()
        self.unknown_camera = False
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    # -- what the query service counted ---------------------------------------------------------------------------

    def load_visitors(self, runs: Iterable[TrackingRun]) -> None:
        """Take over the last runs. Their shares are in the counts already."""
        for run in runs:
            if run.run_id not in self._seen:
                order = _ORDER[LiveEventType(f"run.{run.status.value}")]
                moment = run.classified_at or run.queued_at or run.received_at
                self._remember(run.run_id, _Seen(moment, order, Share.of(run)))
            self._show(run)

    def start_anew(self) -> None:
        """The stream begins: what crawls, and which shares were counted, is known once everything is read."""
        self.visitors.clear()
        self.portraits.clear()
        self._seen.clear()

    def load_days(self, days: Iterable[DayCount]) -> None:
        """Take over the days and their totals."""
        self.days = {day.day: day for day in days}

    def load_records(self, sightings: Iterable[Sighting]) -> None:
        """Take over how often each class was ever seen."""
        self.records = {one.label: Record(one.runs, one.first_day, one.last_day) for one in sightings}

    def load_figures(self, figures: DayFigures) -> None:
        """Take over a day's counts; the days looked at longest ago are forgotten."""
        self.figures[figures.day] = figures
        self.figures.move_to_end(figures.day)
        self.doubted.discard(figures.day)
        while len(self.figures) > DAYS_LOADED:
            forgotten, _ = self.figures.popitem(last=False)
            self.portraits.pop(forgotten, None)

    def load_cameras(self, cameras: Iterable[Camera]) -> None:
        """Take over the cameras; an upload that we saw live is not unseen again."""
        fresh = {}
        for camera in cameras:
            known = self.cameras.get(camera.camera_id)
            seen = [moment for moment in (camera.last_upload_at, known and known.last_upload_at) if moment]
            fresh[camera.camera_id] = camera.model_copy(update={"last_upload_at": max(seen, default=None)})
        self.cameras = fresh
        self.unknown_camera = False

    # -- what happens ---------------------------------------------------------------------------------------------

    def apply(self, event: LiveEvent) -> Change:
        """Apply one event. Repeated and overtaken ones change nothing."""
        run, order = event.run, _ORDER[event.type]
        seen = self._seen.get(run.run_id)
        if seen is not None and (event.at, order) <= (seen.at, seen.order):
            return NOTHING
        share, before = Share.of(run), seen.share if seen else None
        self._remember(run.run_id, _Seen(event.at, order, share))
        counted = False
        if seen is None and share is not None:
            self.doubted.add(share.day)  # counted before we looked, or not? Only the query service knows.
        elif share != before:
            counted = True
            if before is None and share is not None:
                self._note_novelty(run, share)
            self._count(before, -1)
            self._count(share, 1)
        self._keep_portrait(run)
        cameras = self._note_upload(run)
        shown = self._show(run)
        return Change(run=run if shown else None, counts=counted, cameras=cameras)

    def today(self, now: datetime | None = None) -> date:
        """Return the cameras' day: in the time zone that most of them share, Berlin's before there is any."""
        return (now or datetime.now(UTC)).astimezone(self.zone()).date()

    def zone(self) -> ZoneInfo:
        """Return the time zone that most cameras share."""
        zones = Counter(camera.timezone for camera in self.cameras.values())
        name = min(zones, key=lambda zone: (-zones[zone], zone), default=DEFAULT_ZONE)
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo(DEFAULT_ZONE)

    def totals(self) -> tuple[int, int]:
        """Return all runs and all insects of all days."""
        return sum(day.runs for day in self.days.values()), sum(day.insects for day in self.days.values())

    def gallery(self) -> list[TrackingRun]:
        """Return the last visitors, latest arrival first."""
        return sorted(self.visitors.values(), key=lambda run: (run.received_at, run.run_id), reverse=True)

    def portrait(self, day: date, label: str) -> TrackingRun | None:
        """Return a run of the class on that day, for its picture."""
        return self.portraits.get(day, {}).get(label)

    def keep_portrait(self, day: date, label: str, run: TrackingRun) -> None:
        """Keep a run as the face of its class on that day."""
        self.portraits.setdefault(day, {}).setdefault(label, run)

    # -- how ------------------------------------------------------------------------------------------------------

    def _count(self, share: Share | None, sign: int) -> None:
        if share is None:
            return
        total = self.days.get(share.day, DayCount(day=share.day))
        self.days[share.day] = total.model_copy(
            update={"runs": total.runs + sign, "insects": total.insects + sign * share.is_insect}
        )
        if (figures := self.figures.get(share.day)) is not None:
            figures.add(share, sign)

    def _note_novelty(self, run: TrackingRun, share: Share) -> None:
        """Judge a visit by what was counted before it, and count it in the history."""
        record = self.records.get(share.label, Record())
        self.records[share.label] = record.with_one_more(share.day)
        figures = self.figures.get(share.day)
        undecided = run.result is None or run.result.certainty is Certainty.UNCLEAR
        if (
            not share.is_insect
            or undecided
            or run.source is RunSource.IMPORT
            or share.day != self.today(run.received_at)
        ):
            return
        _, insects = self.totals()
        novelty = judge(record, insects, figures.of_class(share.label) if figures else 1, share.day)
        if novelty is not None:
            self.remarkable[run.run_id] = novelty
            while len(self.remarkable) > VISITORS * 4:
                self.remarkable.popitem(last=False)

    def _show(self, run: TrackingRun) -> bool:
        """Put the run in the gallery, or take it out; return whether the browsers should hear of it."""
        if run.source is RunSource.IMPORT:
            return False
        was_shown = self.visitors.pop(run.run_id, None) is not None
        if run.status is RunStatus.FAILED or run.is_insect is False:
            return was_shown  # says its name and leaves
        self.visitors[run.run_id] = run
        latest_first = self.gallery()
        waiting = [other for other in latest_first if other.result is None]
        for surplus in [*waiting[WAITING:], *latest_first[VISITORS:]]:
            self.visitors.pop(surplus.run_id, None)
        return run.run_id in self.visitors or was_shown

    def _keep_portrait(self, run: TrackingRun) -> None:
        """The surest run of a class is its face."""
        if run.result is None or run.label is None or run.local_date not in self.figures:
            return
        faces = self.portraits.setdefault(run.local_date, {})
        face = faces.get(run.label)
        best = face.result.probability_weighted if face and face.result else -1.0
        if run.result.probability_weighted > best:
            faces[run.label] = run

    def _note_upload(self, run: TrackingRun) -> bool:
        camera = self.cameras.get(run.camera_id)
        if camera is None:
            self.unknown_camera = True
            return False
        if camera.last_upload_at is not None and camera.last_upload_at >= run.received_at:
            return False
        self.cameras[run.camera_id] = camera.model_copy(update={"last_upload_at": run.received_at})
        return True

    def _remember(self, run_id: str, seen: _Seen) -> None:
        self._seen[run_id] = seen
        self._seen.move_to_end(run_id)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
