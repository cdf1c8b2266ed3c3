"""RabbitMQ, through aio-pika: one connection, confirmed mandatory publishes, consumers with explicit acknowledgement.

Plain connections and our own reconnect, not aio-pika's robust ones: after a loss every delivery in hand is stale and
comes back by itself, so the honest thing is to end the consumer (:class:`ConnectionLost`) and let its owner start anew.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
    HeadersType,
)
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from proto.errors import Unavailable
from proto.job import JOB_TYPE, JOB_VERSION, VERSION_HEADER, ClassifyJob
from services.chassis.logging import get_logger
from services.chassis.settings import BackendSettings
from services.chassis.topology import EXCHANGE, queues
from services.chassis.tracing import TRACEPARENT, traceparent

RETRY_DELAYS_S = (5.0, 30.0, 300.0)
PUBLISH_TIMEOUT_S = 5.0
log = get_logger(__name__)

_LOST = (AMQPError, ChannelInvalidStateError, ConnectionError, OSError, TimeoutError, RuntimeError)


class ConnectionLost(Unavailable):
    """The broker is gone; whatever was delivered and not acknowledged will come again."""

    slug = "broker-lost"


@dataclass(slots=True)
class Delivery:
    """One delivered message. Exactly one of :meth:`ack` and :meth:`park` ends it."""

    body: bytes
    message_type: str | None
    headers: Mapping[str, Any]
    message_id: str | None
    redelivered: bool
    _message: AbstractIncomingMessage

    @property
    def delivery_count(self) -> int:
        """How often the broker has delivered this message before (quorum queues count)."""
        return int(str(self.headers.get("x-delivery-count", 0)))

    async def ack(self) -> None:
        """Done. On a lost connection this does nothing: the message comes again and finds the work done."""
        with suppress(*_LOST):
            await self._message.ack()

    async def park(self) -> None:
        """Dead-letter the message into the parking queue, now."""
        with suppress(*_LOST):
            await self._message.reject(requeue=False)

    async def requeue(self) -> None:
        """Give the message back unworked (shutdown); this counts towards the delivery limit."""
        with suppress(*_LOST):
            await self._message.reject(requeue=True)


class Consumer:
    """Deliveries of one queue, at most ``prefetch`` unacknowledged at a time. Iterate over it."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, queue: AbstractQueue) -> None:
        # The connection holds its channels weakly: these references keep them alive.
        self._connection, self._channel, self._queue = connection, channel, queue
        self._deliveries: asyncio.Queue[Delivery | None] = asyncio.Queue()  # bounded by the prefetch
        self._tag: str | None = None
        channel.close_callbacks.add(self._on_close)

    def _on_close(self, *_: Any) -> None:
        self._deliveries.put_nowait(None)

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        delivery = Delivery(
            message.body, message.type, message.headers, message.message_id, bool(message.redelivered), message
        )
        self._deliveries.put_nowait(delivery)

    async def start(self) -> None:
        """Begin to receive."""
        self._tag = await self._queue.consume(self._on_message)

    async def cancel(self) -> None:
        """Receive no more; what is in hand can still be acknowledged."""
        if self._tag is not None:
            with suppress(*_LOST):
                await self._queue.cancel(self._tag)
            self._tag = None

    async def set_prefetch(self, prefetch: int) -> None:
        """Change how many unacknowledged messages the broker may send."""
        await self._channel.set_qos(prefetch_count=prefetch)

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self

    async def __anext__(self) -> Delivery:
        """Return the next delivery.

        Raises:
            ConnectionLost: the connection or channel is closed.
        """
        delivery = await self._deliveries.get()
        if delivery is None:
            raise ConnectionLost("The connection to the broker is lost.")
        return delivery


class Broker:
    """RabbitMQ. Connects on first use and again after a loss; every method raises Unavailable while it is away."""

    def __init__(self, url: str, retry_delays_s: tuple[float, ...], *, declares: bool = True) -> None:
        """``declares``: make exchange and queues if they are missing. Who only looks needs no right to that."""
        self._url = url
        self._declares = declares
        self.retry_delays_s = retry_delays_s
        self._lock = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None

    async def _ready(self) -> AbstractExchange:
        """Return the exchange on an open, confirming channel; connect and declare the topology if need be."""
        async with self._lock:
            if self._exchange is not None and self._channel is not None and not self._channel.is_closed:
                return self._exchange
            await self.close()
            try:
                async with asyncio.timeout(PUBLISH_TIMEOUT_S * 2):
                    self._connection = await aio_pika.connect(self._url, timeout=PUBLISH_TIMEOUT_S)
                    # on_return_raises: without it an unroutable mandatory message comes back silently
                    self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                    if self._declares:
                        self._exchange = await _declare(self._channel, self.retry_delays_s)
                    else:
                        self._exchange = await self._channel.get_exchange(EXCHANGE, ensure=False)
            except _LOST as error:
                await self.close()
                raise _unavailable(error) from error
            return self._exchange

    async def publish(self, job: ClassifyJob, routing_key: str, *, message_id: str | None = None) -> None:
        """Publish a job, persistent and mandatory, and return when the broker has confirmed it.

        Raises:
            Unavailable: it was not confirmed, after one more try. It may be there all the same: consumers are
                idempotent.
        """
        message = aio_pika.Message(
            job.model_dump_json().encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=message_id or f"{job.run_id}:{job.purpose.value}:{job.attempt}",
            correlation_id=job.run_id,
            timestamp=job.published_at,
            type=JOB_TYPE,
            headers=_headers(job),
            app_id="krabbel",
        )
        await self.publish_message(message, routing_key)

    async def publish_message(self, message: aio_pika.Message, routing_key: str) -> None:
        """Publish any message as :meth:`publish` does."""
        for last in (False, True):
            exchange = await self._ready()
            try:
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    await exchange.publish(message, routing_key, mandatory=True, timeout=PUBLISH_TIMEOUT_S)
                return
            except _LOST as error:
                await self._drop(exchange)
                if last:
                    raise Unavailable(f"The broker did not confirm ({type(error).__name__}); try again.") from error

    async def retry_later(self, delivery: Delivery, work_queue: str, attempt: int, job: ClassifyJob) -> float | None:
        """Publish the job to the delay queue of its next attempt and return the delay in seconds.

        ``attempt`` counts the delayed tries so far. Returns None, and publishes nothing, when all are used up. Ack the
        delivery after this, not before.
        """
        if attempt >= len(self.retry_delays_s):
            return None
        delay = self.retry_delays_s[attempt]
        later = job.model_copy(update={"attempt": attempt + 1})
        await self.publish(later, f"{work_queue}.retry-{round(delay * 1000)}ms")
        return delay

    @asynccontextmanager
    async def consumer(self, queue: str, prefetch: int) -> AsyncIterator[Consumer]:
        """Consume a queue on a connection of its own, so that a publisher's trouble does not touch deliveries.

        Raises:
            Unavailable: the broker is away.
        """
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S * 2):
                connection = await aio_pika.connect(self._url, timeout=PUBLISH_TIMEOUT_S)
                channel = await connection.channel(publisher_confirms=False)
                await channel.set_qos(prefetch_count=prefetch)
                await _declare(channel, self.retry_delays_s)
                consumer = Consumer(connection, channel, await channel.get_queue(queue, ensure=False))
                await consumer.start()
        except _LOST as error:
            raise _unavailable(error) from error
        try:
            yield consumer
        finally:
            with suppress(*_LOST):
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    await connection.close()

    async def depth(self, queue: str) -> int:
        """Return the number of messages ready in a queue (without those in workers' hands); 0 if there is no such."""
        return (await self.look(queue))[0]

    async def look(self, queue: str) -> tuple[int, int]:
        """Return how many messages are ready in a queue, and how many consume it; zeros if there is no such."""
        exchange = await self._ready()
        assert self._connection is not None  # noqa: S101 - _ready() just opened it
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                # A passive declaration of a missing queue closes its channel, so it gets one of its own.
                channel = await self._connection.channel(publisher_confirms=False)
                try:
                    declared = await channel.declare_queue(queue, passive=True)
                    found = declared.declaration_result
                    return int(found.message_count or 0), int(found.consumer_count or 0)
                finally:
                    await channel.close()
        except ChannelNotFoundEntity:
            return 0, 0
        except _LOST as error:
            await self._drop(exchange)
            raise Unavailable(f"The broker is away ({type(error).__name__}).") from error

    async def ping(self) -> None:
        """Return when the broker answers and the topology stands."""
        await self._ready()

    async def _drop(self, failed: AbstractExchange) -> None:
        """Close the connection that failed; not the one that somebody else has opened since.

        Many publish at once. Would each close what is open when its turn comes, they would end each other's new
        connections for ever.
        """
        async with self._lock:
            if self._exchange is failed:
                await self.close()

    async def close(self) -> None:
        """Close the publishing connection."""
        connection, self._connection, self._channel, self._exchange = self._connection, None, None, None
        if connection is not None:
            with suppress(*_LOST):
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    await connection.close()


def _headers(job: ClassifyJob) -> HeadersType:
    headers: HeadersType = {VERSION_HEADER: JOB_VERSION}
    if (parent := traceparent(job.run_id)) is not None:
        headers[TRACEPARENT] = parent
    return headers


def _unavailable(error: BaseException) -> Unavailable:
    """Say why the broker cannot be used: it is away, or an older Krabbel declared a queue otherwise."""
    if isinstance(error, ChannelPreconditionFailed):
        return Unavailable(
            f"An older Krabbel declared a queue otherwise: run `krabbel upgrade`. The broker says: {error}"
        )
    return Unavailable(f"The broker is away ({type(error).__name__}); try again.")


async def _declare(channel: AbstractChannel, retry_delays_s: tuple[float, ...]) -> AbstractExchange:
    """Declare exchange, queues and bindings; all is idempotent."""
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    for queue in queues(retry_delays_s):
        declared = await channel.declare_queue(
            queue.name, durable=True, arguments={"x-queue-type": "quorum", **queue.arguments}
        )
        await declared.bind(exchange, routing_key=queue.name)
    return exchange


@asynccontextmanager
async def open_broker(
    settings: BackendSettings, *, retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S, declares: bool = True
) -> AsyncIterator[Broker]:
    """Open the broker. It connects on first use: an absent server is no error here."""
    broker = Broker(settings.amqp_url.get_secret_value(), retry_delays_s, declares=declares)
    try:
        yield broker
    finally:
        await broker.close()
