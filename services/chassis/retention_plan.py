"""Which runs' pictures go, by the operator's rules. Plain code, no I/O: retention_sweep.py reads and writes.

What is never chosen stands in :func:`may_go`, and everything passes through it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from proto.retention import RetentionCount, RetentionRule, RetentionRules
from proto.run import RunStatus, TrackingRun, sheet_key_of, thumbnail_key_of
from proto.taxonomy import entry
from services.chassis.reclassification import Order

YOUNGEST = timedelta(days=1)
"""However full the disk, the pictures of the last day stay: people are still looking at them."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Runs that somebody still works on: parked jobs, and reclassifications that are not through."""

    run_ids: frozenset[str] = frozenset()
    orders: tuple[Order, ...] = ()

    def holds(self, run: TrackingRun) -> bool:
        """Say whether the run is among them."""
        return run.run_id in self.run_ids or any(
            order.covers(run.camera_id, run.local_date, run.received_at) for order in self.orders
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """A run's pictures go, all but those ``kept`` (SHA-256)."""

    run_id: str
    label: str
    rule: RetentionRule
    why: str
    kept: tuple[str, ...]
    pictures: int
    byte_size: int


@dataclass(slots=True)
class Totals:
    """What was decided, by rule."""

    by_rule: dict[RetentionRule, list[int]] = field(default_factory=dict)

    def add(self, decision: Decision) -> None:
        """Count a decision."""
        found = self.by_rule.setdefault(decision.rule, [0, 0, 0])
        for place, number in enumerate((1, decision.pictures, decision.byte_size)):
            found[place] += number

    @property
    def counts(self) -> tuple[RetentionCount, ...]:
        """The counts as they are answered, in the rules' order."""
        return tuple(
            RetentionCount(rule=rule, runs=found[0], pictures=found[1], byte_size=found[2])
            for rule, found in sorted(self.by_rule.items(), key=lambda item: list(RetentionRule).index(item[0]))
        )

    def total(self, place: int) -> int:
        """Return the sum of runs (0), pictures (1) or bytes (2)."""
        return sum(found[place] for found in self.by_rule.values())


def may_go(run: TrackingRun, rules: RetentionRules, busy: Busy) -> bool:
    """Say whether any rule may touch the run: it is classified, no person spoke on it, and nobody works on it."""
    return (
        run.status is RunStatus.CLASSIFIED
        and run.result is not None
        and run.verification is None
        and not is_never(run.label or "", rules)
        and bool(run.stored_images)
        and not busy.holds(run)
    )


def is_never(label: str, rules: RetentionRules) -> bool:
    """Say whether the operator excepts the class from all rules."""
    return label in rules.class_days and rules.class_days[label] is None


def age_of(run: TrackingRun, now: datetime) -> timedelta:
    """Return how long we have had the run: what was imported yesterday is not old because it was taken long ago."""
    return now - max(run.sort_at, run.received_at)


def days_of(label: str, is_insect: bool, rules: RetentionRules) -> tuple[RetentionRule, int | None]:
    """Return the age in days at which all pictures of a class go (None: never by age), and the rule that says so."""
    if label in rules.class_days:
        return RetentionRule.CLASS, rules.class_days[label]
    if is_insect:
        return RetentionRule.INSECTS, rules.insects_days
    return RetentionRule.FALSE_SIGHTINGS, rules.false_sightings_days


def least_days(label: str, rules: RetentionRules) -> int | None:
    """Return the age in days from which a run of this class may lose any picture by age; None: never."""
    if is_never(label, rules):
        return None
    days = (days_of(label, entry(label).is_insect, rules)[1], rules.keep_best_picture_days)
    return min((number for number in days if number is not None), default=None)


def decide_by_age(run: TrackingRun, rules: RetentionRules, now: datetime, busy: Busy) -> Decision | None:
    """Return what goes of a run because of its age; None: nothing."""
    if not may_go(run, rules, busy):
        return None
    rule, days = days_of(run.label or "", bool(run.is_insect), rules)
    age = age_of(run, now)
    if days is not None and age >= timedelta(days=days):
        return _decision(run, rule, _in_words(rule, run.label or "", days), ())
    days, best = rules.keep_best_picture_days, best_of(run)
    if days is None or age < timedelta(days=days):
        return None
    decision = _decision(
        run, RetentionRule.BEST_PICTURE, f"after {days} days only the best picture of a run is kept", (best,)
    )
    return decision if decision.pictures else None


def decide_by_space(
    run: TrackingRun, rule: RetentionRule, rules: RetentionRules, now: datetime, busy: Busy
) -> Decision | None:
    """Return that all pictures of a run go for want of space; None where they may not."""
    if not may_go(run, rules, busy) or age_of(run, now) < YOUNGEST:
        return None
    limit = rules.max_bytes if rule is RetentionRule.MAX_BYTES else rules.min_free_bytes
    what = "all pictures together may take" if rule is RetentionRule.MAX_BYTES else "the disk keeps free"
    return _decision(run, rule, f"{what} {_size(limit or 0)}; false sightings and common classes go first", ())


def shortage(
    rules: RetentionRules, *, stored_bytes: int | None, disk_free_bytes: int | None, on_the_way_bytes: int
) -> tuple[RetentionRule, int] | None:
    """Return how many bytes must go, and by which rule; None where there is room.

    ``on_the_way_bytes``: removed lately. Stores free their disk hours later, so what the disk still shows as taken
    must not be removed for a second time.
    """
    wanted: list[tuple[int, RetentionRule]] = []
    if rules.max_bytes is not None and stored_bytes is not None:
        wanted.append((stored_bytes - rules.max_bytes, RetentionRule.MAX_BYTES))
    if rules.min_free_bytes is not None and disk_free_bytes is not None:
        missing = rules.min_free_bytes - disk_free_bytes - on_the_way_bytes
        wanted.append((missing, RetentionRule.MIN_FREE))
    number, rule = max(wanted, default=(0, RetentionRule.MAX_BYTES), key=lambda pair: pair[0])
    return (rule, number) if number > 0 else None


def next_class(left: Mapping[str, int], rules: RetentionRules) -> str | None:
    """Return the insect class that loses pictures next for want of space: the one with most runs left.

    So the common ones shrink to the size of the next common, and what is rare is kept longest. None: no class is left.
    """
    found = [(count, label) for label, count in left.items() if count > 0 and not is_never(label, rules)]
    return max(found)[1] if found else None


def best_of(run: TrackingRun) -> str:
    """Return the picture that stands for the run, of those that are there: the model's choice, else the middle one."""
    wanted = run.result.best_image if run.result else None
    stored = run.stored_images
    return next((image for image in stored if image.sha256 == wanted), stored[len(stored) // 2]).sha256


def doomed_keys(run: TrackingRun) -> list[str]:
    """Return the keys of the objects that a run whose pictures are gone must not have any more.

    Only its own: what lies elsewhere in the store may be another's.
    """
    gone = run.pictures_gone
    if gone is None:
        return []
    kept = {image.object_key for image in run.stored_images}
    own = f"runs/{run.run_id}/"
    keys = {image.object_key for image in run.images if image.object_key.startswith(own)} - kept
    keys.add(sheet_key_of(run.run_id))  # it shows all of them
    if not gone.thumbnail_kept:
        keys.add(thumbnail_key_of(run.run_id))
    return sorted(keys)


def has_any_rule(rules: RetentionRules) -> bool:
    """Say whether there is anything to do at all."""
    ages = (rules.false_sightings_days, rules.insects_days, rules.keep_best_picture_days, *rules.class_days.values())
    return any(number is not None for number in (*ages, rules.max_bytes, rules.min_free_bytes))


def largest(labels: Iterable[str], rules: RetentionRules) -> tuple[list[str], Counter[str]]:
    """Return the false sightings among the classes that space rules may touch, and a counter for the insects."""
    touched = [label for label in labels if not is_never(label, rules)]
    insects = Counter({label: 0 for label in touched if entry(label).is_insect})
    return [label for label in touched if label not in insects], insects


def _decision(run: TrackingRun, rule: RetentionRule, why: str, kept: tuple[str, ...]) -> Decision:
    going = {image.sha256: image.byte_size for image in run.stored_images if image.sha256 not in kept}
    return Decision(run.run_id, run.label or "", rule, why, kept, len(going), sum(going.values()))


def _in_words(rule: RetentionRule, label: str, days: int) -> str:
    what = {RetentionRule.FALSE_SIGHTINGS: "false sightings", RetentionRule.INSECTS: "insects that nobody verified"}
    return f"pictures of {what.get(rule, f'the class {label!r}')} are kept for {days} days"


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 10**8 else f"{number / 1e6:.1f} MB"
