"""What waits in each queue, for `krabbel status` and ``GET /api/v1/system``."""

import asyncio
from collections.abc import Iterable

from proto.system import QueueKind, QueueState
from services.chassis.broker import Broker
from services.chassis.topology import CLASSIFY, PARKED, RECLASSIFY, queues
from services.chassis.workers import WorkerStatus

_KINDS = {CLASSIFY: QueueKind.LIVE, RECLASSIFY: QueueKind.RECLASSIFY, PARKED: QueueKind.PARKED}


async def queue_states(broker: Broker, workers: Iterable[WorkerStatus] = ()) -> tuple[QueueState, ...]:
    """Return all queues, the work queues first.

    AMQP does not tell what is unacknowledged, and the broker's management interface is not asked for more rights than
    the services have: ``workers`` say what they have in hand.

    Raises:
        Unavailable: the broker is away.
    """
    in_hand: dict[str, int] = {}
    for worker in workers:
        for name, number in worker.in_hand.items():
            in_hand[name] = in_hand.get(name, 0) + number
    declared = (queue.name for queue in queues(broker.retry_delays_s))
    names = [*_KINDS, *(name for name in declared if name not in _KINDS)]
    counts = await asyncio.gather(*(broker.look(name) for name in names))
    return tuple(
        QueueState(
            name=name,
            kind=_KINDS.get(name, QueueKind.RETRY),
            ready=ready,
            consumers=consumers,
            unacknowledged=in_hand.get(name, 0) if name in (CLASSIFY, RECLASSIFY) else None,
        )
        for name, (ready, consumers) in zip(names, counts, strict=True)
    )
