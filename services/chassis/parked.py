"""The parking queue, as operators see it: what lies there and why; send it to work again, or throw it away.

Messages are looked at by taking them without acknowledging and giving all back by closing the channel; they keep their
order. While one operator looks, another sees what is left.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

from proto.errors import MessageRefused, NotFound, Unavailable
from proto.job import ClassifyJob, JobPurpose, decode_job
from services.chassis.broker import Broker
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import CLASSIFY, PARKED, RECLASSIFY

CONNECT_S = 10.0
_LOST = (AMQPError, OSError, TimeoutError, RuntimeError)


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """One message in the parking queue."""

    parked_id: str
    """Eight hex digits made of the message"""
    queue: str
    """The work queue that it was parked from"""
    parked_at: datetime | None
    cause: str
    """In words: why the broker put it here"""
    message_id: str | None
    job: ClassifyJob | None
    """None where it cannot be read as a job"""
    body: bytes
    message_type: str | None
    headers: Mapping[str, Any]

    @property
    def run_id(self) -> str | None:
        """The run it is about, if it can be read."""
        return self.job.run_id if self.job else None


class Parked:
    """The parking queue. All methods raise :class:`proto.errors.Unavailable` while the broker is away."""

    def __init__(self, settings: BackendSettings, broker: Broker, runs: Runs) -> None:
        self._url = settings.amqp_url.get_secret_value()
        self._broker = broker
        self._runs = runs

    async def all(self, limit: int = 1000) -> list[ParkedMessage]:
        """Return the messages, longest parked first, at most ``limit``."""
        async with self._taken(limit) as messages:
            return [_parked(message) for message in messages]

    async def replay(self, parked_id: str | None) -> int:
        """Send one message (None: all) back to its work queue, its run ``queued`` again; return how many.

        Published and confirmed first, taken off the parking queue then: if it breaks off between the two, it is there
        twice, which costs nothing.

        Raises:
            NotFound: no message has this id.
        """
        return await self._each(parked_id, self._replay)

    async def drop(self, parked_id: str | None) -> int:
        """Throw one message (None: all) away; return how many. The run itself stays as it is.

        Raises:
            NotFound: no message has this id.
        """

        async def nothing(_: ParkedMessage) -> None:
            return None

        return await self._each(parked_id, nothing)

    async def _each(self, parked_id: str | None, work: Callable[[ParkedMessage], Awaitable[None]]) -> int:
        done = 0
        async with self._taken(100_000) as messages:
            for message in messages:
                parked = _parked(message)
                if parked_id in (None, parked.parked_id):
                    await work(parked)
                    await message.ack()
                    done += 1
        if parked_id is not None and done == 0:
            raise NotFound(f"No parked message has the id {parked_id!r}. `krabbel dead list` shows them.")
        return done

    async def _replay(self, parked: ParkedMessage) -> None:
        if parked.job is None:
            # Perhaps from a newer system: a worker that knows it will take it as it is.
            message = aio_pika.Message(
                parked.body,
                type=parked.message_type,
                headers={name: value for name, value in parked.headers.items() if name.startswith("krabbel-")},
                message_id=parked.message_id,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            await self._broker.publish_message(message, parked.queue)
            return
        changes: dict[str, Any] = {"attempt": 0, "published_at": datetime.now(UTC)}
        if parked.job.purpose is JobPurpose.LIVE:
            changes["purpose"] = JobPurpose.REPLAY
        if parked.queue != RECLASSIFY:
            await self._runs.requeue(parked.job.run_id)
        await self._broker.publish(parked.job.model_copy(update=changes), parked.queue)

    @asynccontextmanager
    async def _taken(self, limit: int) -> AsyncIterator[list[AbstractIncomingMessage]]:
        """Take messages in hand; what is not acknowledged goes back at the end."""
        await self._broker.ping()  # declares the queues, should this be the first to come
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await aio_pika.connect(self._url, timeout=CONNECT_S)
                channel = await connection.channel(publisher_confirms=False)  # held here: connections hold them weakly
        except _LOST as error:
            raise Unavailable(f"The broker is away ({type(error).__name__}).") from error
        try:
            yield await _take(channel, limit)
        finally:
            with suppress(*_LOST):
                await connection.close()


async def _take(channel: AbstractChannel, limit: int) -> list[AbstractIncomingMessage]:
    found: list[AbstractIncomingMessage] = []
    try:
        queue = await channel.get_queue(PARKED, ensure=False)
        while len(found) < limit:
            message = await queue.get(fail=False, timeout=CONNECT_S)
            if message is None:
                break
            found.append(message)
    except _LOST as error:
        raise Unavailable(f"The broker is away ({type(error).__name__}).") from error
    return found


def _parked(message: AbstractIncomingMessage) -> ParkedMessage:
    headers = dict(message.headers)
    deaths: Any = headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths else {}
    reason, queue = str(death.get("reason", "")), str(death.get("queue", CLASSIFY))
    job: ClassifyJob | None = None
    try:
        job = decode_job(message.body, message.type, headers)
        cause = {
            "rejected": "a worker gave it up",
            "delivery_limit": "its workers were lost again and again",
            "expired": "it expired",
        }.get(reason, reason or "unknown")
    except MessageRefused as error:
        cause = error.detail
    moment = death.get("time")
    digest = hashlib.sha256(repr((message.message_id, message.body, str(moment))).encode()).hexdigest()
    return ParkedMessage(
        parked_id=digest[:8],
        queue=queue,
        parked_at=moment if isinstance(moment, datetime) else None,
        cause=cause,
        message_id=message.message_id,
        job=job,
        body=message.body,
        message_type=message.type,
        headers=headers,
    )
