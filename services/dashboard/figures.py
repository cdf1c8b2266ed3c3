"""The counts of one day, and what one run adds to them. Plain numbers: no I/O, no Panel."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from krabbel.answers import ClassHourStatistics
from proto.run import TrackingRun
from proto.taxonomy import entry

HOURS = 24


@dataclass(frozen=True, slots=True)
class Share:
    """What one run adds to the counts: one of its class, in its hour."""

    day: date
    hour: int
    label: str
    is_insect: bool

    @classmethod
    def of(cls, run: TrackingRun) -> Self | None:
        """A run counts as soon as it has a result, also while it is classified anew; before that it counts nowhere."""
        if run.label is None:
            return None
        return cls(run.local_date, run.local_hour, run.label, bool(run.is_insect))


@dataclass(slots=True)
class DayFigures:
    """Named runs per class and hour, of one day by its cameras' clocks; all else follows from them."""

    day: date
    counts: dict[str, list[int]] = field(default_factory=dict)
    """For each class its runs in each hour."""

    @classmethod
    def read(cls, statistics: ClassHourStatistics) -> Self:
        """Take over what the query service counted."""
        return cls(statistics.day, {row.label: list(row.runs) for row in statistics.classes})

    def add(self, share: Share, sign: int = 1) -> None:
        """Add a run's share, or take it back with ``sign=-1``."""
        self.counts.setdefault(share.label, [0] * HOURS)[share.hour] += sign

    @property
    def runs(self) -> list[int]:
        """Named runs per hour."""
        return [sum(hours[hour] for hours in self.counts.values()) for hour in range(HOURS)]

    @property
    def insects(self) -> list[int]:
        """Insects among them, per hour."""
        insects = [hours for label, hours in self.counts.items() if entry(label).is_insect]
        return [sum(hours[hour] for hours in insects) for hour in range(HOURS)]

    def of_class(self, label: str) -> int:
        """Return the runs of a class."""
        return sum(self.counts.get(label, ()))

    def ranking(self) -> list[tuple[str, int]]:
        """Classes with their runs, most frequent first; ties alphabetically, so that nothing jumps."""
        totals = Counter({label: sum(hours) for label, hours in self.counts.items()})
        return sorted(
            ((label, count) for label, count in totals.items() if count > 0), key=lambda row: (-row[1], row[0])
        )

    def view(self) -> dict[str, Any]:
        """Return the figures as the browser takes them."""
        runs, insects = self.runs, self.insects
        return {
            "day": self.day.isoformat(),
            "runs": sum(runs),
            "insects": sum(insects),
            "hours": [list(pair) for pair in zip(insects, runs, strict=True)],
            "classes": [[label, count, self.counts[label]] for label, count in self.ranking()],
        }
