"""Looks, stores what is new, and sends what was not sent: by one of several query processes (lease.py).

An alert is stored under its id before anything is sent, and marked per channel after the channel took it: so each is
sent at least once. Twice only where a process ends between the two; the message then has the same key as before.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from proto.errors import KrabbelError, Unavailable
from proto.taxonomy import entry
from services.chassis.broker import Broker
from services.chassis.cameras import Cameras
from services.chassis.database import Database, Document, available, insert_once
from services.chassis.lease import Lease
from services.chassis.logging import get_logger
from services.chassis.rollup_cells import Tally
from services.chassis.rollups import Rollups
from services.chassis.topology import PARKED
from services.query.alerts.channels import Channel, Message, NotSent
from services.query.alerts.findings import Facts, Rules, find
from services.query.alerts.settings import AlertSettings
from services.query.alerts.texts import sentence

LEASE = timedelta(seconds=120)
GIVE_UP = timedelta(days=2)
FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=30)
"""How long a channel that failed is left alone"""
log = get_logger(__name__)


class AlertKeeper:
    """Alerts in the database. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(
        self, database: Database, broker: Broker, settings: AlertSettings, channels: Sequence[Channel]
    ) -> None:
        self._alerts, self._state = database.handle["alerts"], database.handle["alert_state"]
        self._rollups, self._cameras, self._broker = Rollups(database), Cameras(database), broker
        self._settings, self._channels = settings, channels
        self._resting: dict[str, tuple[datetime, timedelta]] = {}
        self._lease = Lease(database, "alerts", LEASE)
        self._rules = Rules(
            rare_most=settings.alert_rare_most,
            record_least=settings.alert_record_least,
            silent_after=timedelta(hours=settings.alert_silent_hours),
            kinds=frozenset(settings.alert_kinds.replace(",", " ").split()),
            classes=frozenset(settings.alert_classes.replace(",", " ").split()),
            cameras=frozenset(settings.alert_cameras.replace(",", " ").split()),
        )

    async def run_forever(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LEASE.total_seconds()):
                    await self.round()
            except (KrabbelError, TimeoutError) as error:
                log.warning("alerts: this round was not finished", error=str(error)[:200])
            except Exception:
                log.exception("alerts: a fault of ours; the next round tries again")
            await asyncio.sleep(self._settings.alert_every_s)

    async def round(self, now: datetime | None = None) -> int:
        """Look once and send; return the number of messages sent. Does nothing where another process does it."""
        if not await self._lease.hold():
            return 0
        moment = now or datetime.now(UTC)
        state = await available(lambda: self._state.find_one({"_id": "alerts"}))
        facts = await self._facts(moment, state or {})
        first = state is None
        for alert in find(facts, self._rules):
            # What was so before anybody asked for alerts is no news.
            document = asdict(alert) | {"_id": alert.alert_id, "at": moment, "sent": {}, "news": not first}
            await available(lambda d=document: insert_once(self._alerts, d))  # type: ignore[misc]
        if first or facts.parked != facts.parked_before:
            change = {"$set": {"parked": facts.parked}, "$inc": {"revision": 1}}
            await available(lambda: self._state.update_one({"_id": "alerts"}, change, upsert=True))
        return sum([await self._send(channel, moment) for channel in self._channels])

    async def latest(self, limit: int = 100) -> list[Document]:
        """Return what was told lately, newest first."""
        cursor = self._alerts.find({"news": True}).sort("at", -1).limit(limit)
        return await available(lambda: cursor.to_list(limit))

    async def _facts(self, now: datetime, state: Document) -> Facts:
        around = [(now + timedelta(days=shift)).date().isoformat() for shift in (-1, 0, 1)]
        months = await self._rollups.months(())
        tallies = await self._rollups.each(months, (), ("runs", "days"))
        totals, days = Tally(), dict[str, int]()
        for tally in tallies.values():
            totals.runs.update(tally.runs)
            for label, counts in tally.days.items():
                if entry(label).is_insect:
                    for day, count in counts.items():
                        days[day] = days.get(day, 0) + count
        recent = await self._rollups.each(around, (), ("runs",))
        before = int(state.get("parked", 0))
        try:
            parked = await self._broker.depth(PARKED)
        except Unavailable:
            parked = before  # unknown is no news
        return Facts(
            now=now,
            totals=totals.runs,
            recent={day: tally.runs for day, tally in recent.items()},
            insects_by_day=days,
            last_seen={
                camera.camera_id: camera.last_seen_at for camera in await self._cameras.all() if camera.last_seen_at
            },
            parked=parked,
            parked_before=before,
            parked_revision=int(state.get("revision", 0)),
        )

    async def _send(self, channel: Channel, now: datetime) -> int:
        """Send to one channel what it has not got, one message a kind."""
        until, rest = self._resting.get(channel.name, (now, FIRST_REST))
        if until > now:
            return 0
        slot = sha256(channel.name.encode()).hexdigest()[:16]
        query = {"news": True, f"sent.{slot}": {"$exists": False}, "at": {"$gt": now - GIVE_UP}}
        waiting = await available(lambda: self._alerts.find(query).sort("_id", 1).to_list(200))
        by_kind: dict[str, list[Document]] = {}
        for alert in waiting:
            by_kind.setdefault(alert["kind"], []).append(alert)
        cool = now - timedelta(minutes=self._settings.alert_cooldown_minutes)
        sent = 0
        for kind, alerts in by_kind.items():
            lately = {"kind": kind, f"sent.{slot}": {"$gt": cool}}
            if await available(lambda q=lately: self._alerts.find_one(q, {"_id": 1})) is not None:  # type: ignore[misc]
                continue
            try:
                await channel.send(message_of(alerts, self._settings))
            except NotSent as error:
                log.warning("alert not sent; later again", channel=channel.name, error=str(error))
                self._resting[channel.name] = (now + rest, min(rest * 2, LONGEST_REST))
                return sent
            self._resting.pop(channel.name, None)
            done = {"_id": {"$in": [alert["_id"] for alert in alerts]}}
            mark = {"$set": {f"sent.{slot}": now}}
            await available(lambda q=done, m=mark: self._alerts.update_many(q, m))  # type: ignore[misc]
            sent += 1
        return sent


def message_of(alerts: list[Document], settings: AlertSettings) -> Message:
    """Return one message of several alerts."""
    key = sha256("\n".join(sorted(str(alert["_id"]) for alert in alerts)).encode()).hexdigest()[:32]
    fields = ("_id", "kind", "label", "camera_id", "number", "before")
    plain: tuple[dict[str, Any], ...] = tuple({name: alert.get(name) for name in fields} for alert in alerts)
    lines = tuple(sentence(alert, settings.alert_language) for alert in alerts)
    return Message(key, lines, settings.public_url or "http://127.0.0.1:8000", plain)
