"""One sweep of retention, by the rules as they are at its start: first what is too old, then to make room."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proto.errors import Unavailable
from proto.retention import RetentionMode, RetentionRule, RetentionRules, RetentionSweep
from proto.run import TrackingRun, thumbnail_key_of
from services.chassis.logging import get_logger
from services.chassis.retention_plan import (
    YOUNGEST,
    Busy,
    Decision,
    Totals,
    decide_by_age,
    decide_by_space,
    has_any_rule,
    largest,
    next_class,
    shortage,
)

if TYPE_CHECKING:
    from services.chassis.retention_sweep import RetentionSweeper

BATCH = 100
"""Runs marked together; between two batches the lease is prolonged and the rules are read again."""
AT_ONCE = 16
log = get_logger(__name__)


class Stopped(Exception):
    """Somebody changed the rules, or another process has the lease: this sweep ends where it is."""


class Pass:
    """One sweep, by the rules as they were at its start."""

    def __init__(self, sweeper: "RetentionSweeper", rules: RetentionRules, dry_run: bool) -> None:
        self._sweeper, self._rules = sweeper, rules
        self._really = rules.mode is RetentionMode.ON and not dry_run
        self._dry_run = dry_run
        self._retention = sweeper.retention
        self._now = datetime.now(UTC)
        self._totals = Totals()
        self._waiting: list[Decision] = []
        self._held_back = 0
        self._taken = 0

    async def run(self) -> RetentionSweep:
        """Sweep."""
        started, finished = time.monotonic(), True
        stored: int | None = None
        free = self._sweeper.disk_free()
        if has_any_rule(self._rules) and (self._dry_run or self._rules.mode is not RetentionMode.OFF):
            busy = await self._sweeper.find_busy()
            try:
                await self._by_age(busy)
                stored = await self._by_space(busy, free)
                await self._flush()
            except Stopped:
                finished = False
            except Unavailable:
                with suppress(Unavailable):  # what went is gone, and counts as on its way out of the disk
                    await self._note(started, finished=False, stored=stored, free=free)
                raise
            finished = finished and not self._is_full
        return await self._note(started, finished=finished, stored=stored, free=free)

    async def _note(self, started: float, *, finished: bool, stored: int | None, free: int | None) -> RetentionSweep:
        """Keep and tell what this sweep did, and return it."""
        sweep = RetentionSweep(
            at=self._now,
            seconds=round(time.monotonic() - started, 3),
            mode=RetentionMode.ON if self._really else RetentionMode.DRY_RUN if self._dry_run else self._rules.mode,
            counts=self._totals.counts,
            runs=self._totals.total(0),
            pictures=self._totals.total(1),
            byte_size=self._totals.total(2),
            finished=finished,
            held_back=self._held_back,
            stored_bytes=stored,
            disk_free_bytes=free,
        )
        if sweep.mode is not RetentionMode.OFF:
            await self._retention.note_sweep(sweep)
            self._tell(sweep)
        return sweep

    @property
    def _is_full(self) -> bool:
        """Whether this sweep has removed as much as one may; counting has no limit."""
        most = self._sweeper.most_runs
        return self._really and (self._taken - self._held_back >= most or self._held_back >= most)

    async def _by_age(self, busy: Busy) -> None:
        async for run in self._retention.aged(self._rules, self._now):
            decision = decide_by_age(run, self._rules, self._now, busy)
            if decision is not None:
                await self._take(decision)
            if self._is_full:
                return

    async def _by_space(self, busy: Busy, free: int | None) -> int | None:
        """Make room, if a rule of space asks for it; return the bytes of all pictures, if they had to be counted."""
        rules = self._rules
        if rules.max_bytes is None and rules.min_free_bytes is None:
            return None
        await self._flush()
        stored, classes = await self._retention.stored()
        already = 0 if self._really else self._totals.total(2)
        on_the_way = await self._retention.on_the_way_bytes(self._now)
        on_the_way += self._totals.total(2)  # this sweep's own are not noted yet
        short = shortage(rules, stored_bytes=stored - already, disk_free_bytes=free, on_the_way_bytes=on_the_way)
        if short is not None:
            await self._make_room(busy, *short, classes)
        return stored

    async def _make_room(self, busy: Busy, rule: RetentionRule, missing: int, classes: dict[str, int]) -> None:
        async for decision in self._in_order(busy, rule, classes):
            if missing <= 0 or self._is_full:
                return
            await self._take(decision)
            missing -= decision.byte_size

    async def _in_order(self, busy: Busy, rule: RetentionRule, classes: dict[str, int]) -> AsyncIterator[Decision]:
        """Yield false sightings, oldest first; then always the oldest of the insect class with most runs left."""
        false_sightings, insects = largest(classes, self._rules)
        before = self._now - YOUNGEST
        if false_sightings:
            async for run in self._retention.oldest(false_sightings, before):
                if (decision := self._for_space(run, rule, busy)) is not None:
                    yield decision
        insects.update({label: classes[label] for label in insects})
        queues = {label: self._retention.oldest([label], before) for label in insects}
        while (label := next_class(insects, self._rules)) is not None:
            oldest = await anext(queues[label], None)
            if oldest is None:
                insects[label] = 0
                continue
            insects[label] -= 1
            if (decision := self._for_space(oldest, rule, busy)) is not None:
                yield decision

    def _for_space(self, run: TrackingRun, rule: RetentionRule, busy: Busy) -> Decision | None:
        """Return what goes of a run for want of space; a run that goes by age is counted there."""
        if decide_by_age(run, self._rules, self._now, busy) is not None:
            return None
        return decide_by_space(run, rule, self._rules, self._now, busy)

    async def _take(self, decision: Decision) -> None:
        self._taken += 1
        if not self._really:
            self._totals.add(decision)
            if self._taken % 1000 == 0:
                await self._sweeper.still_mine()
            return
        self._waiting.append(decision)
        if len(self._waiting) >= BATCH:
            await self._flush()

    async def _flush(self) -> None:
        """Mark what was decided, and remove the objects."""
        decisions, self._waiting = self._waiting, []
        if not decisions:
            return
        await self._sweeper.still_mine()
        if await self._retention.rules() != self._rules:
            log.info("the rules were changed: this sweep ends")
            raise Stopped
        if self._rules.keep_thumbnails:
            decisions = await self._with_thumbnail(decisions)
        marked = set(await self._retention.mark(decisions, self._now, thumbnail_kept=self._rules.keep_thumbnails))
        self._sweeper.step("marked")
        batch = Totals()
        for decision in decisions:
            if decision.run_id in marked:
                self._totals.add(decision)
                batch.add(decision)
        for count in batch.counts:  # marked is decided: a later sweep removes what this one cannot
            self._sweeper.note(count)
        await self._sweeper.remove_going()

    async def _with_thumbnail(self, decisions: Collection[Decision]) -> list[Decision]:
        """Return those whose thumbnail is there; the others' is asked for, and a later sweep takes them."""
        places = asyncio.Semaphore(AT_ONCE)

        async def there(decision: Decision) -> bool:
            async with places:
                return await self._sweeper.store.exists(thumbnail_key_of(decision.run_id))

        found = await asyncio.gather(*(there(decision) for decision in decisions))
        missing = [decision.run_id for decision, is_there in zip(decisions, found, strict=True) if not is_there]
        await self._sweeper.due.note(missing)
        self._held_back += len(missing)
        return [decision for decision, is_there in zip(decisions, found, strict=True) if is_there]

    def _tell(self, sweep: RetentionSweep) -> None:
        log.info(
            "retention swept" if self._really else "retention counted, nothing removed (dry run)",
            runs=sweep.runs,
            pictures=sweep.pictures,
            removed_bytes=sweep.byte_size,
            finished=sweep.finished,
            held_back=sweep.held_back,
            by_rule={count.rule.value: count.runs for count in sweep.counts},
        )
