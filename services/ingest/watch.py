"""Looks at queues and cameras every few seconds, for the metrics that alert people: what waits, and who is silent."""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Gauge

from proto.camera import Camera
from proto.errors import KrabbelError
from proto.run import RunStatus
from services.chassis.broker import Broker
from services.chassis.logging import get_logger
from services.chassis.runs import Runs
from services.chassis.topology import CLASSIFY, PARKED, RECLASSIFY
from services.ingest.metrics import (
    CAMERA_BATTERY,
    CAMERA_DISK,
    CAMERA_SEEN,
    CAMERA_UPLOAD,
    QUEUE_AGE,
    QUEUE_JOBS,
    WATCHED,
)
from services.ingest.registry import Registry

MAX_CAMERAS = 1000
"""Only so many cameras, those heard of last, get series of their own."""
LOOK_S = 10.0
QUEUES = {"classify": CLASSIFY, "reclassify": RECLASSIFY, "parked": PARKED}
log = get_logger(__name__)


class Watch:
    """Sets the gauges, round after round. While a store is away they stay, and the time of the last look tells."""

    def __init__(self, runs: Runs, broker: Broker, registry: Registry) -> None:
        self._runs, self._broker, self._registry = runs, broker, registry

    async def run_forever(self, every_s: float) -> None:
        """Look until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self.look()
            except (KrabbelError, TimeoutError) as error:
                log.debug("the watch waits for a store", error=str(error)[:200])
            await asyncio.sleep(every_s)

    async def look(self) -> None:
        """Look once.

        Raises:
            Unavailable: broker or database are away.
        """
        show_cameras(self._registry.cameras)
        moments = [await self._runs.oldest(status) for status in (RunStatus.RECEIVED, RunStatus.QUEUED)]
        oldest = min((moment for moment in moments if moment is not None), default=None)
        QUEUE_AGE.set(0.0 if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds()))
        for label, queue in QUEUES.items():
            QUEUE_JOBS.labels(label).set(await self._broker.depth(queue))
        WATCHED.set(time.time())


def show_cameras(cameras: Iterable[Camera]) -> None:
    """Give each camera its series; a camera that is gone loses them."""
    ever = datetime.min.replace(tzinfo=UTC)
    known = sorted(cameras, key=lambda camera: camera.last_seen_at or ever, reverse=True)[:MAX_CAMERAS]
    _show(CAMERA_UPLOAD, known, lambda camera: _timestamp(camera.last_upload_at))
    _show(CAMERA_SEEN, known, lambda camera: _timestamp(camera.last_seen_at))
    _show(CAMERA_BATTERY, known, _battery)
    _show(CAMERA_DISK, known, lambda camera: camera.heartbeat.disk_free_bytes if camera.heartbeat else None)


def _show(gauge: Gauge, cameras: list[Camera], value_of: Callable[[Camera], Any]) -> None:
    values = {camera.camera_id: value for camera in cameras if (value := value_of(camera)) is not None}
    shown = {sample.labels["camera_id"] for family in gauge.collect() for sample in family.samples}
    for gone in shown - values.keys():
        gauge.remove(gone)
    for camera_id, value in values.items():
        gauge.labels(camera_id).set(value)


def _timestamp(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _battery(camera: Camera) -> float | None:
    percent = camera.heartbeat.battery_percent if camera.heartbeat else None
    return None if percent is None else percent / 100
