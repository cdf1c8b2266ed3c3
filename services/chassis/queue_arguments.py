"""Queues that an older Krabbel declared otherwise: found, and made anew without losing a message.

RabbitMQ never changes a queue's arguments, and refuses a declaration that differs. So the messages are moved to a queue
beside it, the old queue is deleted, the new one declared, and the messages are moved back; each move is "publish,
confirmed; then acknowledge", so breaking off doubles a message at worst, which consumers do not mind. The queue beside
it keeps its name, so the next attempt finds it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, ChannelClosed
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from proto.errors import Conflict, Unavailable
from services.chassis.settings import BackendSettings
from services.chassis.topology import EXCHANGE, Queue, queues

TIMEOUT_S = 10.0
BESIDE = ".upgrade"
_LOST = (AMQPError, OSError, TimeoutError, RuntimeError)


class QueueArguments:
    """Compares and mends declarations. Raises :class:`proto.errors.Unavailable` while the broker is away."""

    def __init__(self, settings: BackendSettings, retry_delays_s: tuple[float, ...]) -> None:
        self._url = settings.amqp_url.get_secret_value()
        self._queues = queues(retry_delays_s)

    async def differing(self) -> dict[str, str]:
        """Return, for each queue that stands and differs, what the broker says of it. Nothing is created."""
        async with self._connection() as connection:
            return {
                queue.name: said
                for queue in self._queues
                if await _ready(connection, queue.name) is not None and (said := await _difference(connection, queue))
            }

    async def mend(self, tell: Callable[[str, int], None] = lambda _name, _moved: None) -> list[str]:
        """Make all differing queues anew and return their names; ``tell`` gets each one's moved messages.

        Raises:
            Conflict: somebody still consumes one of them.
        """
        mended = []
        async with self._connection() as connection:
            for queue in self._queues:
                stands = await _ready(connection, queue.name) is not None
                left_over = await _ready(connection, queue.name + BESIDE) is not None
                if left_over or (stands and await _difference(connection, queue)):
                    tell(queue.name, await _make_anew(connection, queue))
                    mended.append(queue.name)
        return mended

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        try:
            connection = await asyncio.wait_for(aio_pika.connect(self._url, timeout=TIMEOUT_S), TIMEOUT_S)
        except _LOST as error:
            raise Unavailable(f"The broker is away ({type(error).__name__}).") from error
        try:
            yield connection
        except _LOST as error:
            raise Unavailable(f"The broker is away ({type(error).__name__}); run it again.") from error
        finally:
            await connection.close()


async def _ready(connection: AbstractConnection, name: str) -> int | None:
    """Return the number of ready messages; None where there is no such queue."""
    channel = await connection.channel(publisher_confirms=False)
    try:
        declared = await channel.declare_queue(name, passive=True, timeout=TIMEOUT_S)
        return int(declared.declaration_result.message_count or 0)
    except ChannelNotFoundEntity:
        return None
    finally:
        await _closed(channel)


async def _difference(connection: AbstractConnection, queue: Queue) -> str:
    """Return in what the standing queue differs, in the broker's words; empty where it does not."""
    channel = await connection.channel(publisher_confirms=False)
    try:
        await _declare(channel, queue)
    except ChannelPreconditionFailed as error:
        return str(error)
    finally:
        await _closed(channel)
    return ""


async def _make_anew(connection: AbstractConnection, queue: Queue) -> int:
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    try:
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
        beside = queue.name + BESIDE
        await channel.declare_queue(beside, durable=True, arguments={"x-queue-type": "quorum"})
        moved = 0
        if await _ready(connection, queue.name) is not None and await _difference(connection, queue):
            old = await channel.get_queue(queue.name)
            if old.declaration_result.consumer_count:
                raise Conflict(
                    f"Somebody still consumes {queue.name}: stop the workers (and nothing else), then again."
                )
            # From here on publishers are told "unroutable" and keep their job; dead letters wait in their own queue.
            await old.unbind(exchange, routing_key=queue.name)
            moved = await _move(channel, queue.name, beside)
            await old.delete(if_unused=False, if_empty=False)
        declared = await _declare(channel, queue)
        await declared.bind(exchange, routing_key=queue.name)
        back = await _move(channel, beside, queue.name)
        await (await channel.get_queue(beside)).delete(if_unused=False, if_empty=False)
        return max(moved, back)
    finally:
        await _closed(channel)


async def _move(channel: AbstractChannel, source: str, target: str) -> int:
    """Move all messages, one by one: published and confirmed there, then acknowledged here."""
    queue, moved = await channel.get_queue(source, ensure=False), 0
    exchange: AbstractExchange = channel.default_exchange
    while (message := await queue.get(fail=False, timeout=TIMEOUT_S)) is not None:
        await exchange.publish(_copy(message), target, mandatory=True, timeout=TIMEOUT_S)
        await message.ack()
        moved += 1
    return moved


def _copy(message: AbstractIncomingMessage) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        headers=dict(message.headers),
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
    )


async def _declare(channel: AbstractChannel, queue: Queue) -> aio_pika.abc.AbstractQueue:
    return await channel.declare_queue(
        queue.name, durable=True, arguments={"x-queue-type": "quorum", **queue.arguments}, timeout=TIMEOUT_S
    )


async def _closed(channel: AbstractChannel) -> None:
    if not channel.is_closed:
        try:
            await channel.close()
        except ChannelClosed:
            return
