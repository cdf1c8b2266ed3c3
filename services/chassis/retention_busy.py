"""Finds the runs that somebody still works on, so that retention leaves their pictures alone."""

from proto.reclassification import OrderState
from services.chassis.broker import Broker
from services.chassis.parked import Parked
from services.chassis.reclassification import Order, Reclassifications
from services.chassis.retention_plan import Busy
from services.chassis.topology import PARKED, RECLASSIFY, retry_queue

MOST_PARKED = 5000


class BusyRuns:
    """Asks broker and database. Raises :class:`proto.errors.Unavailable` while one is away: then nothing is removed."""

    def __init__(self, orders: Reclassifications, broker: Broker, parked: Parked) -> None:
        self._orders, self._broker, self._parked = orders, broker, parked

    async def find(self) -> Busy:
        """Return them."""
        parked = await self._parked.all(MOST_PARKED) if await self._broker.depth(PARKED) else []
        run_ids = frozenset(message.run_id for message in parked if message.run_id is not None)
        return Busy(run_ids, tuple(await self._reclassified()))

    async def _reclassified(self) -> list[Order]:
        """Return the reclassifications that are not sent to the end, or whose jobs still wait."""
        orders = await self._orders.all()
        open_orders = [order for order in orders if order.state is not OrderState.SENT]
        if len(open_orders) == len(orders):
            return orders
        queues = (RECLASSIFY, *(retry_queue(RECLASSIFY, delay).name for delay in self._broker.retry_delays_s))
        waiting = [await self._broker.depth(queue) for queue in queues]
        return orders if any(waiting) else open_orders
