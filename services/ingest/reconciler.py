"""Looks after what fell between two steps: runs whose job was never confirmed, or was lost with the broker's disk."""

import asyncio
from datetime import timedelta

from proto.errors import KrabbelError
from proto.run import RunStatus, TrackingRun
from services.chassis.broker import Broker
from services.chassis.logging import get_logger
from services.chassis.runs import Runs
from services.chassis.topology import CLASSIFY
from services.ingest.forwarder import job_of
from services.ingest.metrics import REPUBLISHED
from services.ingest.spool import Spool

log = get_logger(__name__)


class Reconciler:
    """Publishes stale runs again, round after round. Jobs are idempotent, so one too many is harmless."""

    def __init__(self, spool: Spool, runs: Runs, broker: Broker, republish_after_s: float, requeue_after_s: float):
        self._spool, self._runs, self._broker = spool, runs, broker
        self._received = timedelta(seconds=republish_after_s)
        self._queued = timedelta(seconds=requeue_after_s)

    async def run_forever(self, every_s: float) -> None:
        """Reconcile until cancelled; a store that is away is met again in the next round."""
        while True:
            try:
                await self.round()
            except KrabbelError as error:
                log.debug("the reconciler waits for a store", error=str(error))
            await asyncio.sleep(every_s)

    async def round(self) -> int:
        """Publish all stale runs once and return how many."""
        count = 0
        for run in await self._runs.stale(RunStatus.RECEIVED, self._received):
            if run.run_id in self._spool:
                continue  # the forwarder is about to do it
            await self._publish(run)
            count += 1
        lost = await self._runs.stale_queued(self._queued)
        if lost and await self._broker.depth(CLASSIFY) == 0:
            for run in lost:
                await self._publish(run)
                count += 1
        return count

    async def _publish(self, run: TrackingRun) -> None:
        await self._broker.publish(job_of(run), CLASSIFY)
        await self._runs.mark_published_again(run.run_id)
        REPUBLISHED.labels(run.status.value).inc()
        log.warning("job published again", run_id=run.run_id, camera_id=run.camera_id, status=run.status.value)
