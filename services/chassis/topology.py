"""The queues, as data: what broker.py declares and `krabbel doctor` and the AsyncAPI document can read.

Work queues are quorum queues with a delivery limit: a job that kills its worker comes back that often (the first
delivery not counted) and is then dead-lettered into the parking queue. A handler that wants a *later* try publishes the
job to a delay queue, whose time-to-live dead-letters it back to the work queue, and acks: no broker cycle is ever made
of rejections (RabbitMQ drops such cycles).
"""

from dataclasses import dataclass, field
from typing import Any

EXCHANGE = "krabbel"
PARKED = "krabbel.parked"
CLASSIFY = "krabbel.classify"
RECLASSIFY = "krabbel.reclassify"
DELIVERY_LIMIT = 3
NEVER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Queue:
    """A quorum queue, bound to :data:`EXCHANGE` by its own name."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


def retry_queue(work_queue: str, delay_s: float) -> Queue:
    """Return the delay queue that returns its messages to ``work_queue`` after ``delay_s`` seconds."""
    milliseconds = round(delay_s * 1000)
    return Queue(
        f"{work_queue}.retry-{milliseconds}ms",
        {
            "x-message-ttl": milliseconds,
            "x-dead-letter-exchange": EXCHANGE,
            "x-dead-letter-routing-key": work_queue,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def work_queue(name: str) -> Queue:
    """Return a work queue whose poison goes to the parking queue."""
    return Queue(
        name,
        {
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": EXCHANGE,
            "x-dead-letter-routing-key": PARKED,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def queues(retry_delays_s: tuple[float, ...]) -> list[Queue]:
    """Return all queues, in an order in which they can be declared."""
    work = [work_queue(CLASSIFY), work_queue(RECLASSIFY)]
    delays = [retry_queue(queue.name, delay) for queue in work for delay in retry_delays_s]
    # Looking at parked messages delivers them: without a limit of its own, RabbitMQ 4 drops one after twenty looks.
    return [Queue(PARKED, {"x-delivery-limit": NEVER}), *work, *delays]
