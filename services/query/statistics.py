"""Statistics as readers see them, computed from added-up cells. Plain code."""

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from proto.classification import Certainty
from proto.taxonomy import entry
from services.chassis.rollup_cells import Tally, median_s

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """Local days, both ends included."""

    first: date
    last: date

    @property
    def is_day(self) -> bool:
        """Whether it is one day."""
        return self.first == self.last

    def days(self) -> Iterable[date]:
        """Yield every day."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)

    def periods(self) -> list[str]:
        """Return whole months as months and the rest as days: the fewest documents that make up the span."""
        found: list[str] = []
        day = self.first
        while day <= self.last:
            month_end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
            if day.day == 1 and month_end <= self.last:
                found.append(day.isoformat()[:7])
                day = month_end
            else:
                found.append(day.isoformat())
            if day == date.max:
                break
            day += timedelta(days=1)
        return found

    def months(self) -> list[str]:
        """Return the months that the span touches."""
        first, last = (day.year * 12 + day.month - 1 for day in (self.first, self.last))
        return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]

    def named(self, cameras: tuple[str, ...]) -> Row:
        """Return what every answer begins with."""
        return {
            "day": self.first.isoformat() if self.is_day else None,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "camera_id": ",".join(cameras) or None,
        }


def is_insect(label: str) -> bool:
    """Say whether a class is an insect."""
    return entry(label).is_insect


def totals(tally: Tally) -> Row:
    """Return runs, insects among them, and false sightings (leaves and other UFOs)."""
    runs = sum(tally.runs.values())
    insects = sum(count for label, count in tally.runs.items() if is_insect(label))
    return {"runs": runs, "insects": insects, "false_sightings": runs - insects}


def by_hour(_span: Span, tally: Tally) -> list[Row]:
    """Return the 24 hours, quiet ones included."""
    rows: list[Row] = [{"hour": hour, "runs": 0, "insects": 0} for hour in range(24)]
    for label, hours in tally.hours.items():
        for hour, count in hours.items():
            rows[hour]["runs"] += count
            rows[hour]["insects"] += count if is_insect(label) else 0
    return rows


def by_class(_span: Span, tally: Tally) -> list[Row]:
    """Return the classes, the most frequent first, each with its share of all runs."""
    total = sum(tally.runs.values())
    return [
        {"label": label, "is_insect": is_insect(label), "runs": runs, "share": round(runs / total, 6)}
        for label, runs in most_frequent(tally.runs)
    ]


def by_day(span: Span, tally: Tally) -> list[Row]:
    """Return every day of the span, quiet ones included, oldest first."""
    seen = {row["day"]: row for row in days_seen(tally)}
    return [seen.get(day, {"day": day, "runs": 0, "insects": 0}) for day in (day.isoformat() for day in span.days())]


def days_seen(tally: Tally) -> list[Row]:
    """Return the days on which anything was seen, newest first."""
    counts: dict[str, list[int]] = {}
    for label, days in tally.days.items():
        insect = is_insect(label)
        for day, count in days.items():
            row = counts.get(day)
            if row is None:
                row = counts[day] = [0, 0]
            row[0] += count
            if insect:
                row[1] += count
    return [{"day": day, "runs": row[0], "insects": row[1]} for day, row in sorted(counts.items(), reverse=True)]


def class_by_hour(_span: Span, tally: Tally) -> list[Row]:
    """Return each class with its runs in each of the 24 hours."""
    return [
        {"label": label, "is_insect": is_insect(label), "runs": [tally.hours[label][hour] for hour in range(24)]}
        for label in sorted(tally.hours)
        if tally.hours[label]
    ]


def class_by_day(span: Span, tally: Tally) -> list[Row]:
    """Return each class with its runs on each of the days on which it was seen, oldest first."""
    rows = []
    first, last = span.first.isoformat(), span.last.isoformat()
    for label in sorted(tally.days):
        days = {day: count for day, count in sorted(tally.days[label].items()) if first <= day <= last}
        if days:
            rows.append({"label": label, "is_insect": is_insect(label), "days": days})
    return rows


def durations(_span: Span, tally: Tally) -> list[Row]:
    """Return each class with mean and median time in front of the camera; doubted durations are left out."""
    rows = []
    for label, runs in most_frequent({label: time["runs"] for label, time in tally.time.items()}):
        median = median_s(tally.durations.get(label, {}))
        rows.append(
            {
                "label": label,
                "is_insect": is_insect(label),
                "runs": runs,
                "mean_s": round(tally.time[label]["ms"] / runs / 1000, 3),
                "median_s": None if median is None else round(median, 3),
            }
        )
    return rows


def certainties(_span: Span, tally: Tally) -> list[Row]:
    """Return each class with how sure its results are."""
    names = [certainty.value for certainty in Certainty]
    return [
        {"label": label, "is_insect": is_insect(label), **{name: tally.certainty[label][name] for name in names}}
        for label in sorted(tally.certainty)
        if tally.certainty[label]
    ]


def sightings(tally: Tally) -> list[Row]:
    """Return each class with the days on which it was first and last seen, the newest first."""
    rows = []
    for label, days in tally.days.items():
        if days:
            first, last = min(days), max(days)
            rows.append(
                {
                    "label": label,
                    "is_insect": is_insect(label),
                    "runs": sum(days.values()),
                    "first_day": first,
                    "last_day": last,
                    "days": len(days),
                }
            )
    return sorted(rows, key=lambda row: (row["last_day"], row["runs"]), reverse=True)


def records(tally: Tally) -> Row:
    """Return the busiest day and the busiest hour by insects; of equals the first."""
    days = [row for row in days_seen(tally) if row["insects"]]
    best_day = min(days, key=lambda row: (-row["insects"], row["day"]), default=None)
    best_hour = min(tally.insect_hours.items(), key=lambda item: (-item[1], item[0]), default=None)
    return {
        "busiest_day": {"day": best_day["day"], "insects": best_day["insects"]} if best_day else None,
        "busiest_hour": {"day": best_hour[0][0], "hour": best_hour[0][1], "insects": best_hour[1]}
        if best_hour
        else None,
        "days_with_insects": len(days),
    }


def compared_days(day: date) -> dict[str, date]:
    """Return the days to compare a day with: the day before, the same weekday last week, the same date last year."""
    named = {"day": day}
    for name, back in (("day_before", 1), ("last_week", 7)):
        if day.toordinal() > back:
            named[name] = day - timedelta(days=back)
    if day.year > 1:
        named["last_year"] = day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
    return named


def comparison(days: Mapping[str, date], tallies: Mapping[str, Tally]) -> Row:
    """Return runs and insects of each day, by what it is to the day asked for."""
    return {name: {"day": day.isoformat(), **totals(tallies[day.isoformat()])} for name, day in days.items()}


def most_frequent(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return labels and counts, the greatest first, then by name; nothing that was not seen."""
    return sorted(
        ((label, count) for label, count in counts.items() if count > 0), key=lambda item: (-item[1], item[0])
    )
