"""From a trap's naive local times to UTC, honestly.

Deployed traps send ``str(datetime.now())``: the camera's local time, no offset. Two nights a year that is not enough:

- In autumn an hour happens twice. Of the possible readings we take the one in which end - start agrees with the
  duration that the trap measured; where both do, the one nearest to the moment of receipt (a trap sends at once).
- In spring an hour does not exist. A clock that shows it was not put forward, so we read it with the old offset:
  02:30 is the moment that others call 03:30.

Both are flagged. They are resolved, not doubted. What *is* doubted (:data:`DOUBTED`) is kept as the trap said it, and
the run sorts by the moment of receipt: an insect is never refused because of a wrong clock.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from proto.run import ClockFlag

DEFAULT_ZONE = "Europe/Berlin"
FUTURE_TOLERANCE = timedelta(minutes=5)
"""A trap's clock may go this much ahead of ours before we doubt it."""
ABSURD = timedelta(hours=24)
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""No camera trap of this kind existed before: such a time is a Raspberry Pi that woke without a clock."""
DOUBTED = frozenset(
    {ClockFlag.END_BEFORE_START, ClockFlag.FUTURE, ClockFlag.PAST, ClockFlag.ABSURD_DURATION, ClockFlag.UNREADABLE}
)
SENT_AT_ONCE = timedelta(hours=3)

_FILE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})_(\d{2})-(\d{2})-(\d{2})(?:[-.](\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class RunTimes:
    """The times of a run, in UTC, and what is odd about them."""

    started_at: datetime
    ended_at: datetime
    duration_s: float
    sort_at: datetime
    local_date: date
    local_hour: int
    flags: tuple[ClockFlag, ...]


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA time zone; one that this machine does not know is read as Europe/Berlin."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(DEFAULT_ZONE)


def parse_time(text: str) -> datetime | None:
    """Return the time in ``str(datetime)``, ISO 8601 or a crop's file name (``2024-05-15_10-00-00-123456``).

    Naive where the text has no offset; None where there is no time in it.
    """
    text = text.strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    found = _FILE_TIME.match(text)
    if found is None:
        return None
    day, hour, minute, second, fraction = found.groups()
    try:
        return datetime.fromisoformat(f"{day} {hour}:{minute}:{second}.{(fraction or '0').ljust(6, '0')}")
    except ValueError:
        return None


def readings(moment: datetime, zone: ZoneInfo) -> tuple[list[datetime], ClockFlag | None]:
    """Return the UTC moments that a time can mean, the usual one first, and the flag if the clocks changed then.

    Raises:
        OverflowError: the moment lies outside the years 1 to 9999.
    """
    if moment.tzinfo is not None:
        return [moment.astimezone(UTC)], None
    first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return [first], None
    if first.astimezone(zone).replace(tzinfo=None) != moment:
        return [first], ClockFlag.NONEXISTENT
    return [first, second], ClockFlag.AMBIGUOUS


def read_moment(text: str, zone: ZoneInfo, near: datetime) -> datetime | None:
    """Return one time in UTC, of two possible ones that nearer to ``near``; None if it cannot be read."""
    moment = parse_time(text)
    if moment is None:
        return None
    try:
        return min(readings(moment, zone)[0], key=lambda reading: abs(reading - near))
    except OverflowError:
        return None


def read_times(start: str, end: str, duration: str | float | None, zone: ZoneInfo, received_at: datetime) -> RunTimes:
    """Return the times of a run as its trap wrote them. Never raises: what cannot be read is flagged."""
    flags: list[ClockFlag] = []
    seconds = _seconds(duration)
    starts, ends = _moments(start, zone, flags), _moments(end, zone, flags)
    if not starts or not ends:
        flags.append(ClockFlag.UNREADABLE)
        length = timedelta(seconds=seconds) if seconds is not None and 0 <= seconds <= 86400 else timedelta()
        if not ends:
            ends = [_shift(moment, length) for moment in starts] or [received_at]
        if not starts:
            starts = [_shift(moment, -length) for moment in ends]
    started_at, ended_at = _best(starts, ends, seconds, received_at)
    if ended_at < started_at:
        flags.append(ClockFlag.END_BEFORE_START)
    if max(started_at, ended_at) > received_at + FUTURE_TOLERANCE:
        flags.append(ClockFlag.FUTURE)
    if min(started_at, ended_at) < EARLIEST:
        flags.append(ClockFlag.PAST)
    said_absurd = duration is not None and duration != "" and (seconds is None or not 0 <= seconds <= 86400)
    if said_absurd or abs(ended_at - started_at) > ABSURD:
        flags.append(ClockFlag.ABSURD_DURATION)
    unique = tuple(dict.fromkeys(flags))
    sort_at = received_at if DOUBTED.intersection(unique) else ended_at
    local = sort_at.astimezone(zone)
    spoken = seconds if seconds is not None else (ended_at - started_at).total_seconds()
    return RunTimes(started_at, ended_at, spoken, sort_at, local.date(), local.hour, unique)


def _seconds(duration: str | float | None) -> float | None:
    """Return a finite number of seconds that BSON and JSON can hold, or None."""
    if duration is None:
        return None
    try:
        seconds = float(duration)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and abs(seconds) < 1e12 else None


def _moments(text: str, zone: ZoneInfo, flags: list[ClockFlag]) -> list[datetime]:
    moment = parse_time(text)
    if moment is None:
        return []
    try:
        moments, flag = readings(moment, zone)
    except OverflowError:
        return []
    if flag is not None:
        flags.append(flag)
    return moments


def _shift(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return moment


def _best(
    starts: list[datetime], ends: list[datetime], seconds: float | None, received_at: datetime
) -> tuple[datetime, datetime]:
    """Return the pair that agrees best with the measured duration, then with a trap that sends at once."""
    fresh = any(abs(received_at - end) <= SENT_AT_ONCE for end in ends)

    def cost(pair: tuple[datetime, datetime]) -> tuple[bool, int, float]:
        start, end = pair
        length = (end - start).total_seconds()
        # The trap truncates to whole seconds and two clock readings differ a little: a minute is no disagreement.
        off = 0 if seconds is None else int(abs(length - seconds) // 60)
        return end < start, off, abs((received_at - end).total_seconds()) if fresh else 0.0

    return min(product(starts, ends), key=cost)
