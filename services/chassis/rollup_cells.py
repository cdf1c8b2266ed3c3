"""The arithmetic of statistics: what one run counts, in which cells, and how cells are added up. Plain code, no I/O.

A rollup document holds the counts of one camera (or of all, :data:`ALL`) in one local day or month, by facet:
``document[facet][class][slot] = count``. Adding and taking away are both integer increments, so a reclassified run
moves from one cell to another exactly, and the same run counted again is a difference of nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from typing import Any, Literal, Self

from proto.classification import Certainty
from proto.run import ClockFlag
from proto.taxonomy import entry

ALL = "*"
"""Stands for all cameras together; no camera id can be it."""

Facet = Literal["runs", "hours", "days", "certainty", "durations", "time", "insect_hours"]
Path = tuple[str, ...]

BUCKETS_PER_DOUBLING = 8
LONGEST_S = 86_400.0
_UNTIMED = {ClockFlag.END_BEFORE_START.value, ClockFlag.ABSURD_DURATION.value, ClockFlag.UNREADABLE.value}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one run counts. It is kept in the run document (``counted``), so that it can be taken away again."""

    camera_id: str
    day: str
    hour: int
    label: str
    certainty: str
    duration_ms: int | None

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Self | None:
        """Return what a run document counts: nothing before it has a result. Doubted durations are not averaged.

        A person's word wins over the machine's, and is sure.
        """
        result = run.get("result")
        if not result:
            return None
        said = run.get("verification")
        seconds = float(run["duration_s"])
        timed = 0 <= seconds <= LONGEST_S and not _UNTIMED.intersection(run.get("clock_flags") or ())
        return cls(
            camera_id=run["camera_id"],
            day=run["local_date"],
            hour=int(run["local_hour"]),
            label=said["label"] if said else result["label"],
            certainty=Certainty.SURE.value if said else result["certainty"],
            duration_ms=round(seconds * 1000) if timed else None,
        )

    @classmethod
    def stored(cls, document: Mapping[str, Any] | None) -> Self | None:
        """Return the contribution that a run document remembers."""
        return cls(**document) if document else None

    def document(self) -> dict[str, Any]:
        """Return the form in which the run document remembers it."""
        return asdict(self)

    def cells(self) -> dict[Path, int]:
        """Return the run's counts in a month's document; a day's document takes all but ``days``."""
        name = field_of(self.label)
        month_day = self.day[8:]
        cells: dict[Path, int] = {
            ("runs", name): 1,
            ("hours", name, str(self.hour)): 1,
            ("days", name, month_day): 1,
            ("certainty", name, self.certainty): 1,
        }
        if entry(self.label).is_insect:
            cells["insect_hours", month_day, str(self.hour)] = 1
        if self.duration_ms is not None:
            cells["time", name, "runs"] = 1
            cells["time", name, "ms"] = self.duration_ms
            cells["durations", name, str(bucket_of(self.duration_ms))] = 1
        return cells


def document_keys(contribution: Contribution) -> tuple[tuple[str, str], ...]:
    """Return the (camera, period) of the four documents in which a run counts."""
    day, month = contribution.day, contribution.day[:7]
    return tuple((camera, period) for camera in (contribution.camera_id, ALL) for period in (day, month))


class Increments:
    """Increments of many runs, merged, so that one write per document does."""

    def __init__(self) -> None:
        self.by_document: dict[tuple[str, str], Counter[Path]] = {}

    def change(self, old: Contribution | None, new: Contribution | None) -> None:
        """Take ``old`` away and add ``new``; the same twice is nothing."""
        if old == new:
            return
        for contribution, sign in ((old, -1), (new, 1)):
            if contribution is None:
                continue
            for key in document_keys(contribution):
                counts = self.by_document.setdefault(key, Counter())
                for path, count in contribution.cells().items():
                    if len(key[1]) == 7 or path[0] not in ("days", "insect_hours"):
                        counts[path] += sign * count

    def updates(self) -> Iterable[tuple[str, str, dict[str, int]]]:
        """Yield (camera, period, increments by dotted path), in one order for all writers: fewer conflicts."""
        for (camera, period), counts in sorted(self.by_document.items()):
            changes = {".".join(path): count for path, count in counts.items() if count}
            if changes:
                yield camera, period, changes


@dataclass(slots=True)
class Tally:
    """Rollup documents added up. Reading a facet that was not loaded finds nothing."""

    runs: Counter[str] = field(default_factory=Counter)
    hours: dict[str, Counter[int]] = field(default_factory=dict)
    certainty: dict[str, Counter[str]] = field(default_factory=dict)
    durations: dict[str, Counter[int]] = field(default_factory=dict)
    time: dict[str, Counter[str]] = field(default_factory=dict)
    days: dict[str, Counter[str]] = field(default_factory=dict)
    insect_hours: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, document: Mapping[str, Any]) -> None:
        """Add one document; zeros, left where a run was taken away, are dropped."""
        month = document.get("period", "")[:7]
        days = _days_of(month)
        _merge(self.runs, {label_of(name): count for name, count in document.get("runs", {}).items()})
        for name, counts in document.get("hours", {}).items():
            _merge(_inner(self.hours, name), {_number(key): n for key, n in counts.items()})
        for name, counts in document.get("durations", {}).items():
            _merge(_inner(self.durations, name), {_number(key): n for key, n in counts.items()})
        for name, counts in document.get("certainty", {}).items():
            _merge(_inner(self.certainty, name), counts)
        for name, counts in document.get("time", {}).items():
            _merge(_inner(self.time, name), counts)
        for name, counts in document.get("days", {}).items():
            _merge(_inner(self.days, name), {days[key]: n for key, n in counts.items()})
        for key, counts in document.get("insect_hours", {}).items():
            day = days[key]
            _merge(self.insect_hours, {(day, _number(hour)): n for hour, n in counts.items()})


def _inner(counters: dict[str, Counter[Any]], name: str) -> Counter[Any]:
    """Return the counter of a class, by its field's name."""
    label = label_of(name)
    if label not in counters:
        counters[label] = Counter()
    return counters[label]


# A year of all classes has ten thousand cells, and each needs its key: they are few, so each is made once.
_number = cache(int)


@lru_cache(1024)
def _days_of(month: str) -> dict[str, str]:
    """Return the days of a month (YYYY-MM-DD) by the two digits that name their cell."""
    return {f"{number:02d}": f"{month}-{number:02d}" for number in range(32)}


def _merge(counter: Counter[Any], counts: Mapping[Any, int]) -> None:
    """Add counts to a counter, quickly: a year of all classes has ten thousand of them."""
    common = counter.keys() & counts.keys() if counter else ()
    sums = {key: counter[key] + counts[key] for key in common}
    dict.update(counter, counts)  # Counter's own update adds one by one
    dict.update(counter, sums)
    if 0 in counts.values() or 0 in sums.values():
        for key in [key for key, count in counter.items() if not count]:
            del counter[key]


def nested(cells: Mapping[Path, int]) -> dict[str, Any]:
    """Return counts by path as the nested document that they are stored in."""
    document: dict[str, Any] = {}
    for path, count in cells.items():
        inner = document
        for step in path[:-1]:
            inner = inner.setdefault(step, {})
        inner[path[-1]] = count
    return document


def bucket_of(duration_ms: int) -> int:
    """Return the duration's bucket: eight to each doubling of (seconds + 1), so each is 9 % wide."""
    return math.floor(BUCKETS_PER_DOUBLING * math.log2(1 + duration_ms / 1000) + 1e-9)


def bucket_bounds_s(bucket: int) -> tuple[float, float]:
    """Return the bucket's least and greatest duration in seconds."""
    return 2 ** (bucket / BUCKETS_PER_DOUBLING) - 1, 2 ** ((bucket + 1) / BUCKETS_PER_DOUBLING) - 1


def median_s(durations: Mapping[int, int]) -> float | None:
    """Return the median of a histogram, interpolated within buckets; None where nothing was timed.

    Of an even number it is the mean of the two in the middle, which may lie far apart where there are few.
    """
    total = sum(durations.values())
    if total <= 0:
        return None
    return (_of_rank(durations, (total - 1) // 2) + _of_rank(durations, total // 2)) / 2


def _of_rank(durations: Mapping[int, int], rank: int) -> float:
    """Return about which duration is the one with so many shorter ones before it, seconds."""
    before = 0
    for bucket in sorted(durations):
        count = durations[bucket]
        if before + count > rank:
            least, greatest = bucket_bounds_s(bucket)
            return least + (greatest - least) * (rank - before + 0.5) / count
        before += count
    raise ValueError(f"the histogram has no rank {rank}")


def field_of(label: str) -> str:
    """Return the label as a field's name: MongoDB gives dots and dollar signs a meaning."""
    escaped = label.replace("%", "%25").replace(".", "%2E").replace("$", "%24").replace("\0", "%00")
    return escaped or "%"


@lru_cache(4096)
def label_of(name: str) -> str:
    """Return the label that :func:`field_of` hid."""
    if name == "%":
        return ""
    return name.replace("%00", "\0").replace("%24", "$").replace("%2E", ".").replace("%25", "%")
