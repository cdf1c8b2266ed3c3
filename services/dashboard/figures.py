"""The counts of one day, and what one run adds to them. Plain numbers: no I/O, no Panel."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from krabbel.answers import ClassStatistics, HourStatistics
from proto.run import TrackingRun

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
        if run.result is None:
            return None
        return cls(run.local_date, run.local_hour, run.result.label, run.result.is_insect)


@dataclass(slots=True)
class DayFigures:
    """Named runs and, of these, insects per hour; runs per class; of one day by its cameras' clocks."""

    day: date
    runs: list[int] = field(default_factory=lambda: [0] * HOURS)
    insects: list[int] = field(default_factory=lambda: [0] * HOURS)
    classes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, hours: HourStatistics, classes: ClassStatistics) -> Self:
        """Take over what the query service counted."""
        figures = cls(hours.day)
        for hour in hours.hours:
            figures.runs[hour.hour] = hour.runs
            figures.insects[hour.hour] = hour.insects
        figures.classes.update({count.label: count.runs for count in classes.classes})
        return figures

    def add(self, share: Share, sign: int = 1) -> None:
        """Add a run's share, or take it back with ``sign=-1``."""
        self.runs[share.hour] += sign
        self.classes[share.label] += sign
        if share.is_insect:
            self.insects[share.hour] += sign

    def ranking(self) -> list[tuple[str, int]]:
        """Classes with their runs, most frequent first; ties alphabetically, so that nothing jumps."""
        return sorted(
            ((label, count) for label, count in self.classes.items() if count > 0), key=lambda row: (-row[1], row[0])
        )

    def view(self) -> dict[str, Any]:
        """Return the figures as the browser takes them."""
        return {
            "day": self.day.isoformat(),
            "runs": sum(self.runs),
            "insects": sum(self.insects),
            "hours": [list(pair) for pair in zip(self.insects, self.runs, strict=True)],
            "classes": [list(row) for row in self.ranking()],
        }
