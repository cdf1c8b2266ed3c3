"""Sends stored runs to the models again: what was ordered, how far it is, and the sending itself.

Jobs go to a queue of their own, which workers touch only while no live run waits, and only a few hundred at a time, so
that pausing works at once. The place reached is saved after each page: whoever resumes goes on there, and the few runs
that are sent twice cost nothing. The gateway sends, or the operator's command: whoever has the order's lease.
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import Field

from proto.base import CameraId, Contract, UtcDatetime
from proto.errors import Conflict, NotFound, Unavailable
from proto.job import ClassifyJob, JobImage, JobPurpose
from proto.reclassification import OrderState, Reclassification
from proto.run import RunStatus
from services.chassis.broker import Broker
from services.chassis.database import Database, Document, available
from services.chassis.lease import Lease
from services.chassis.topology import RECLASSIFY

PAGE = 100
MOST_WAITING = 300
"""Jobs in the queue at a time"""
PAUSE_S = 0.5
LEASE = timedelta(seconds=30)


class Order(Contract):
    """One reclassification: the document of collection ``reclassifications``."""

    order_id: str
    model_id: str
    camera_id: CameraId | None = None
    from_day: date | None = Field(default=None, description="First local day")
    to_day: date | None = Field(default=None, description="Last local day")
    total: int = Field(ge=0, description="Runs selected at the start")
    sent: int = Field(default=0, ge=0)
    after: str = Field(default="", description="Last run id sent")
    state: OrderState = OrderState.RUNNING
    started_at: UtcDatetime

    def shown(self) -> Reclassification:
        """Return what operators see of it."""
        return Reclassification(id=self.order_id, **self.model_dump(exclude={"order_id", "after"}))

    def selection(self) -> Document:
        """Return the query for its runs: those that had a result, or failed, when it was ordered."""
        query: Document = {
            "status": {"$in": [RunStatus.CLASSIFIED.value, RunStatus.FAILED.value]},
            "received_at": {"$lte": self.started_at},
            "pictures_gone": None,  # a model cannot look at what is not there
        }
        if self.camera_id is not None:
            query["camera_id"] = self.camera_id
        days = {"$gte": self.from_day and self.from_day.isoformat(), "$lte": self.to_day and self.to_day.isoformat()}
        days = {operator: day for operator, day in days.items() if day is not None}
        if days:
            query["local_date"] = days
        return query

    def covers(self, camera_id: str, local_date: date, received_at: datetime) -> bool:
        """Say of one run what :meth:`selection` asks of all, but for its status."""
        return (
            self.camera_id in (None, camera_id)
            and received_at <= self.started_at
            and (self.from_day is None or self.from_day <= local_date)
            and (self.to_day is None or local_date <= self.to_day)
        )


class Reclassifications:
    """Repository of orders, and their sending. Raises :class:`proto.errors.Unavailable` while a server is away."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._orders = database.handle["reclassifications"]
        self._runs = database.runs
        self._broker = broker

    async def order(
        self, model_id: str, camera_id: str | None = None, from_day: date | None = None, to_day: date | None = None
    ) -> Order:
        """Note a new order; :meth:`send` carries it out."""
        draft = Order(
            order_id=uuid.uuid4().hex[:8],
            model_id=model_id,
            camera_id=camera_id,
            from_day=from_day,
            to_day=to_day,
            total=0,
            started_at=datetime.now(UTC),
        )
        total = await available(lambda: self._runs.count_documents(draft.selection()))
        order = draft.model_copy(update={"total": total})
        await available(lambda: self._orders.insert_one(_document(order)))
        return order

    async def get(self, order_id: str) -> Order:
        """Return an order.

        Raises:
            NotFound: there is none with this id.
        """
        document = await available(lambda: self._orders.find_one({"_id": order_id}))
        if document is None:
            raise NotFound(f"No reclassification has the id {order_id!r}. `krabbel reclassify --list` shows them.")
        return _order(document)

    async def all(self) -> list[Order]:
        """Return all orders, oldest first."""
        documents = await available(lambda: self._orders.find().sort("started_at", 1).to_list(None))
        return [_order(document) for document in documents]

    async def set_state(self, order_id: str, state: OrderState) -> Order:
        """Pause or resume an order, and return it.

        Raises:
            NotFound: there is none with this id.
            Conflict: it is sent already.
        """
        order = await self.get(order_id)
        if order.state is OrderState.SENT:
            raise Conflict(f"Reclassification {order_id} is sent already.")
        await available(lambda: self._orders.update_one({"_id": order_id}, {"$set": {"state": state.value}}))
        return order.model_copy(update={"state": state})

    async def waiting(self) -> int:
        """Return how many jobs wait in the queue."""
        return await self._broker.depth(RECLASSIFY)

    async def send(
        self, order_id: str, progress: Callable[[Order, int], None] = lambda _order, _waiting: None
    ) -> Order:
        """Send an order's runs page by page until all are sent or somebody pauses it; return how it then stands.

        Where another process does so already, this one only looks on, and takes over should that one end.
        ``progress`` is told the order and the jobs that wait, after each page.
        """
        lease = Lease(self._database, f"reclassify:{order_id}", LEASE)
        try:
            while True:
                order = await self.get(order_id)
                waiting = await self.waiting()
                progress(order, waiting)
                if order.state is not OrderState.RUNNING:
                    return order
                if not await lease.hold() or waiting > MOST_WAITING - PAGE:
                    await asyncio.sleep(PAUSE_S)
                    continue
                await self._send_page(order)
        finally:
            with suppress(Unavailable):
                await lease.give_back()

    async def _send_page(self, order: Order) -> None:
        query = order.selection() | {"_id": {"$gt": order.after}}
        fields = {"camera_id": 1, "images.sha256": 1, "images.object_key": 1}
        cursor = self._runs.find(query, fields).sort("_id", 1).limit(PAGE)
        page = await available(lambda: cursor.to_list(PAGE))
        for document in page:
            await self._broker.publish(_job(order, document), RECLASSIFY)
        change: Document = {"after": page[-1]["_id"]} if page else {}
        if len(page) < PAGE:
            change["state"] = OrderState.SENT.value
        update = {"$set": change, "$inc": {"sent": len(page)}}
        await available(lambda: self._orders.update_one({"_id": order.order_id}, update))


def _job(order: Order, run: Document) -> ClassifyJob:
    return ClassifyJob(
        run_id=run["_id"],
        camera_id=run["camera_id"],
        images=tuple(JobImage.model_validate(image) for image in run["images"]),
        purpose=JobPurpose.RECLASSIFY,
        model_id=order.model_id,
        published_at=datetime.now(UTC),
    )


def _document(order: Order) -> dict[str, Any]:
    document = order.model_dump(mode="json", exclude={"order_id", "started_at"})
    return document | {"_id": order.order_id, "started_at": order.started_at}


def _order(document: Document) -> Order:
    return Order.model_validate({**document, "order_id": document["_id"]})
