"""What is worth telling, found in the statistics and the state. Plain code: the same facts give the same alerts.

Every alert has an id made of what it says, so it is found again in the next round, and stored (and sent) once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from proto.taxonomy import entry

LEAST_DAYS = 7
"""A record needs so many earlier days."""
KINDS = ("first_sighting", "rare_class", "record_day", "silent_camera", "dead_letter")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the system knows now."""

    now: datetime
    totals: Mapping[str, int]
    """Runs of each class, ever"""
    recent: Mapping[str, Mapping[str, int]]
    """Runs of each class by local day: yesterday, today and tomorrow, since days begin where the cameras are"""
    insects_by_day: Mapping[str, int]
    last_seen: Mapping[str, datetime]
    """Cameras that were heard of"""
    parked: int
    parked_before: int
    parked_revision: int


@dataclass(frozen=True, slots=True)
class Rules:
    """When something is worth telling."""

    rare_most: int
    record_least: int
    silent_after: timedelta
    kinds: frozenset[str]
    classes: frozenset[str]
    cameras: frozenset[str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell."""

    alert_id: str
    kind: str
    label: str | None = None
    camera_id: str | None = None
    number: int = 0
    before: int = 0
    since: datetime | None = None


def find(facts: Facts, rules: Rules) -> list[Alert]:
    """Return what is worth telling, filtered by the rules."""
    found = [*_classes(facts, rules), *_record(facts, rules), *_silent(facts, rules), *_dead(facts)]
    return [alert for alert in found if _wanted(alert, rules)]


def _wanted(alert: Alert, rules: Rules) -> bool:
    if alert.kind not in rules.kinds:
        return False
    if alert.label is not None and rules.classes and alert.label not in rules.classes:
        return False
    return alert.camera_id is None or not rules.cameras or alert.camera_id in rules.cameras


def _classes(facts: Facts, rules: Rules) -> Iterable[Alert]:
    labels = {label for counts in facts.recent.values() for label, count in counts.items() if count > 0}
    for label in sorted(label for label in labels if entry(label).is_insect):
        days = {day: counts[label] for day, counts in sorted(facts.recent.items()) if counts.get(label, 0) > 0}
        total = max(facts.totals.get(label, 0), sum(days.values()))
        if total == sum(days.values()):
            yield Alert(f"first_sighting:{label}", "first_sighting", label=label, number=total)
        elif total <= rules.rare_most:
            for day in days:
                yield Alert(f"rare_class:{label}:{day}", "rare_class", label=label, number=total)


def _record(facts: Facts, rules: Rules) -> Iterable[Alert]:
    for today in sorted(facts.recent):
        number = facts.insects_by_day.get(today, 0)
        earlier = [count for day, count in facts.insects_by_day.items() if day < today and count > 0]
        if len(earlier) >= LEAST_DAYS and number >= rules.record_least and number > max(earlier):
            yield Alert(f"record_day:{today}", "record_day", number=number, before=max(earlier))


def _silent(facts: Facts, rules: Rules) -> Iterable[Alert]:
    for camera, seen in sorted(facts.last_seen.items()):
        if facts.now - seen > rules.silent_after:
            yield Alert(f"silent_camera:{camera}:{seen.isoformat()}", "silent_camera", camera_id=camera, since=seen)


def _dead(facts: Facts) -> Iterable[Alert]:
    if facts.parked > facts.parked_before:
        yield Alert(f"dead_letter:{facts.parked_revision}", "dead_letter", number=facts.parked)
