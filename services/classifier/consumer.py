"""The edge to RabbitMQ: takes deliveries while it may, survives the broker's loss, drains at the end.

handling.py decides what happens to each delivery, and settlement.py, alone, makes it happen.

A job that ends its worker takes everything in that worker's hands with it, and each return counts towards the delivery
limit. So that the innocent are not parked with the culprit, a new consumer takes one delivery at a time until one comes
that has not been delivered before, and what comes back is worked on alone.
"""

import asyncio
import random
import time
from contextlib import nullcontext, suppress

from proto.errors import Unavailable
from services.chassis.broker import Broker, Delivery
from services.chassis.broker import Consumer as Deliveries
from services.chassis.logging import get_logger
from services.classifier.handling import Decision, Handler, Outcome
from services.classifier.metrics import IN_HAND
from services.classifier.settlement import Settlement
from services.classifier.turns import Gate, Quarantine

BACKGROUND_PATIENCE_S = 60.0
"""Reclassification gets on by a run a minute even while live runs never cease."""

log = get_logger(__name__)


class Consumer:
    """Consumes one work queue until :meth:`stop`."""

    def __init__(
        self,
        broker: Broker,
        handler: Handler,
        *,
        queue: str,
        prefetch: int,
        drain_s: float,
        gate: Gate,
        background: bool = False,
    ) -> None:
        """``drain_s``: how long work in hand may go on after :meth:`stop` before it is given back.

        ``background``: begin a job only while no other consumer behind the same ``gate`` has one in hand.
        """
        self._broker = broker
        self._handler = handler
        self._settlement = Settlement(broker, queue)
        self._queue = queue
        self._prefetch = prefetch
        self._drain_s = drain_s
        self._gate = gate
        self._background = background
        self._quarantine = Quarantine()
        self._stopping = asyncio.Event()
        self._connected = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Consume until :meth:`stop`, over any number of connections."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with self._broker.consumer(self._queue, 1) as deliveries:
                    failures, self._connected = 0, True
                    log.info("consuming", queue=self._queue, prefetch=self._prefetch)
                    await self._consume(deliveries)
            except Unavailable as error:
                if failures == 0:
                    log.warning("the broker is away; trying again", error=str(error))
                failures += 1
            finally:
                self._connected = False
            await self._pause(min(5.0, 0.1 * 2**failures) * random.uniform(0.5, 1.0))
        await self._drain()  # what was in hand when the connection was lost

    def stop(self) -> None:
        """Take nothing more; :meth:`run` returns once the work in hand is done or given back."""
        self._stopping.set()

    @property
    def in_hand(self) -> int:
        """Runs delivered and not settled."""
        return len(self._tasks)

    @property
    def is_loaded(self) -> bool:
        """Whether at least half of what may be in hand is: the queue holds more than the device can do at once."""
        return len(self._tasks) * 2 > self._prefetch

    async def check_connected(self) -> None:
        """Return if jobs are being consumed (readiness).

        Raises:
            Unavailable: they are not.
        """
        if not self._connected:
            raise Unavailable("The broker is away: no jobs are being consumed.")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _consume(self, deliveries: Deliveries) -> None:
        """Start a task per delivery until stopped, then drain.

        Raises:
            ConnectionLost: the work in hand goes on all the same; what comes again waits for it and finds it done.
        """
        stopping = asyncio.create_task(self._stopping.wait())
        careful = True
        try:
            while not self._stopping.is_set():
                following = asyncio.ensure_future(anext(deliveries))
                await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    break
                delivery = following.result()
                if careful and delivery.delivery_count == 0:
                    careful = False
                    await self._widen(deliveries)
                task = asyncio.create_task(self._handle(delivery))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        finally:
            stopping.cancel()
        await deliveries.cancel()
        await self._drain()

    async def _widen(self, deliveries: Deliveries) -> None:
        """Take as many deliveries at a time as allowed; the broker heeds it for new consumers only."""
        await deliveries.cancel()
        await deliveries.set_prefetch(self._prefetch)
        await deliveries.start()

    async def _drain(self) -> None:
        """Let the work in hand finish within the deadline; what does not is given back by its own task."""
        if not self._tasks:
            return
        log.info("draining", runs=len(self._tasks), deadline_s=self._drain_s)
        _, late = await asyncio.wait(self._tasks, timeout=self._drain_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=5)
        log.info("drained", given_back=len(late))

    async def _handle(self, delivery: Delivery) -> None:
        """See one delivery from beginning to end, and write its line into the log."""
        started = time.perf_counter()
        with IN_HAND.track_inprogress(), nullcontext() if self._background else self._gate.live():
            try:
                if self._background:
                    await self._gate.wait_idle(BACKGROUND_PATIENCE_S)
                async with self._quarantine.enter(alone=delivery.delivery_count > 0):
                    decision = await self._handler.decide(delivery)
            except asyncio.CancelledError:
                await self._settlement.settle(delivery, Decision(Outcome.REQUEUED, "this worker stops"))
                raise
            outcome = await self._settlement.settle(delivery, decision)
        line = log.info if outcome in (Outcome.CLASSIFIED, Outcome.DUPLICATE) else log.warning
        job = decision.job
        line(
            "run settled",
            outcome=outcome.value,
            label=decision.label,
            reason=decision.reason,
            run_id=job.run_id if job else None,
            camera_id=job.camera_id if job else None,
            images=len(job.images) if job else None,
            message_id=delivery.message_id,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
