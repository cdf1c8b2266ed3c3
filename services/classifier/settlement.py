"""The one place where a delivery is acked, sent to a later try, given back or parked."""

from proto.errors import Unavailable
from services.chassis.broker import Broker, Delivery
from services.classifier.handling import Decision, Outcome
from services.classifier.metrics import PARKED, RETRIES, RUNS


class Settlement:
    """Carries out decisions about the deliveries of one work queue."""

    def __init__(self, broker: Broker, queue: str) -> None:
        self._broker = broker
        self._queue = queue

    async def settle(self, delivery: Delivery, decision: Decision) -> Outcome:
        """End the delivery, and return how it ended in fact.

        On a lost connection nothing can be settled: the broker gives the message out again by itself.
        """
        outcome = decision.outcome
        if outcome is Outcome.RETRY:
            outcome = await self._retry(delivery, decision)
        match outcome:
            case Outcome.CLASSIFIED | Outcome.DUPLICATE | Outcome.GONE | Outcome.RETRY:
                await delivery.ack()
            case Outcome.PARKED:
                await delivery.park()
                PARKED.inc()
            case Outcome.REQUEUED:
                await delivery.requeue()
        RUNS.labels(outcome.value).inc()
        return outcome

    async def _retry(self, delivery: Delivery, decision: Decision) -> Outcome:
        """Publish the job to its next delay queue, confirmed; the last delay repeats without end.

        An outage of hours must not fail every run of the day, so transient failures are never counted up to an end.
        """
        if decision.job is None:
            return Outcome.REQUEUED
        attempt = min(decision.job.attempt, len(self._broker.retry_delays_s) - 1)
        try:
            delay = await self._broker.retry_later(delivery, self._queue, attempt, decision.job)
        except Unavailable:
            return Outcome.REQUEUED
        RETRIES.labels(f"{delay:g}").inc()
        return Outcome.RETRY
