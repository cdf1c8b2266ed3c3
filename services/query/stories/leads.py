"""What is remarkable about a day. Plain code: counts in, leads out.

A lead needs enough behind it to be one: of three days, each is a record. The thresholds say how much.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from services.query.statistics import is_insect

Kind = Literal["newcomer", "first_of_season", "record_day", "record_class", "busiest_hour", "early_riser", "absence"]
LEAST_DAYS = 7
"""Earlier days with insects, before anything is the first or the most."""
LEAST_RECORD = 10
LEAST_HOUR = 5
LEAST_BEFORE = 30
"""Earlier visits of a class, before its hours are its habit."""
EARLY_SHARE = 0.02
WINDOW_DAYS = 14
LEAST_EXPECTED = 6.0
"""Visits expected where none came: by chance alone that happens on one day in 400 (Poisson, e^-6)."""


@dataclass(frozen=True, slots=True)
class History:
    """All that was counted, as of a day. Days are text, YYYY-MM-DD."""

    day: date
    days: Mapping[str, Mapping[str, int]]
    """Runs by class and day, all time."""
    hours: Mapping[str, Mapping[int, int]]
    """The day's runs by class and hour."""
    hours_ever: Mapping[str, Mapping[int, int]]
    """All runs by class and hour, the day's and later ones included."""
    insect_hours: Mapping[tuple[str, int], int]
    """Insects by day and hour, all time."""
    awake: Mapping[str, int] = field(default_factory=dict)
    """Hours in which cameras were heard, added up, by day: of the day and the two weeks before."""
    over: bool = True
    """Whether the day has ended; what is missing may still come."""


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead. ``value``: visits, or for an absence those that were expected."""

    kind: Kind
    day: date
    value: int
    label: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def evidence(self) -> str:
        """The archive's query that shows what it rests on; of an absence, the days on which they did come."""
        asked: dict[str, str] = {"day": self.day.isoformat()}
        if self.kind == "absence":
            first, last = self.day - timedelta(days=WINDOW_DAYS), self.day
            asked = {"from": first.isoformat(), "to": last.isoformat()}
        return urlencode(asked | ({"class": self.label} if self.label else {"insect": "true"}))


def leads(history: History) -> list[Lead]:
    """Return a day's leads, the most newsworthy first."""
    day = history.day.isoformat()
    insects = {label: dict(days) for label, days in history.days.items() if is_insect(label)}
    totals: Counter[str] = Counter()
    for days in insects.values():
        totals.update(days)
    found: list[Lead] = []
    if len([one for one in totals if one < day]) >= LEAST_DAYS:
        found += _arrivals(history, insects, totals)
        found += _records(history, insects, totals)
        found += _busiest_hour(history)
        found += _early_risers(history, insects)
        found += _absences(history, insects)
    order = ("newcomer", "first_of_season", "record_day", "record_class", "busiest_hour", "early_riser", "absence")
    return sorted(found, key=lambda lead: (order.index(lead.kind), -lead.value, lead.label or ""))


def _arrivals(history: History, insects: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]) -> Iterator[Lead]:
    day, year = history.day.isoformat(), f"{history.day.year:04d}"
    season = len([one for one in totals if year <= one < day])
    for label, days in insects.items():
        count = days.get(day, 0)
        before = [one for one in days if one < day]
        if not count:
            continue
        if not before:
            yield Lead("newcomer", history.day, count, label)
        elif max(before) < year and season >= LEAST_DAYS:
            yield Lead("first_of_season", history.day, count, label)


def _records(history: History, insects: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]) -> Iterator[Lead]:
    day = history.day.isoformat()
    for label, days in ((None, totals), *insects.items()):
        before = {one: count for one, count in days.items() if one < day}
        count = days.get(day, 0)
        if count < LEAST_RECORD or len(before) < LEAST_DAYS:
            continue
        best = max(before, key=lambda one: (before[one], one))
        if count > before[best]:
            details = {"before": before[best], "before_day": date.fromisoformat(best)}
            yield Lead("record_class" if label else "record_day", history.day, count, label, details)


def _busiest_hour(history: History) -> Iterator[Lead]:
    day = history.day.isoformat()
    of_day = {hour: count for (one, hour), count in history.insect_hours.items() if one == day}
    before = max((count for (one, _), count in history.insect_hours.items() if one < day), default=0)
    if of_day:
        hour = max(of_day, key=lambda one: (of_day[one], -one))
        if of_day[hour] >= LEAST_HOUR and of_day[hour] > before:
            yield Lead("busiest_hour", history.day, of_day[hour], None, {"hour": hour})


def _early_risers(history: History, insects: Mapping[str, Mapping[str, int]]) -> Iterator[Lead]:
    """Hours are compared with those of all other days, so that the same visit says the same a year later."""
    for label in insects:
        today = {hour: count for hour, count in history.hours.get(label, {}).items() if count}
        others = Counter(history.hours_ever.get(label, {}))
        others.subtract(today)
        total = sum(others.values())
        if not today or total < LEAST_BEFORE:
            continue
        first = min(today)
        as_early = sum(count for hour, count in others.items() if hour <= first)
        if as_early < EARLY_SHARE * total:
            details = {"hour": first, "as_early": as_early, "total": total}
            yield Lead("early_riser", history.day, today[first], label, details)


def _absences(history: History, insects: Mapping[str, Mapping[str, int]]) -> Iterator[Lead]:
    if not history.over:
        return
    day = history.day.isoformat()
    window = [(history.day - timedelta(days=back)).isoformat() for back in range(1, WINDOW_DAYS + 1)]
    hours = sum(history.awake.get(one, 0) for one in window)
    if not hours or not history.awake.get(day):
        return
    for label, days in insects.items():
        if days.get(day, 0):
            continue
        expected = sum(days.get(one, 0) for one in window) / hours * history.awake[day]
        if expected >= LEAST_EXPECTED:
            yield Lead("absence", history.day, math.floor(expected + 0.5), label)
