"""The parking queue, as operators see it: what lies there and why; send it to work again, or throw it away.

Messages are looked at by taking them without acknowledging and giving all back by closing the channel. While one
operator looks, another sees what is left.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError
from aiormq.exceptions import ChannelNotFoundEntity

from proto.dead import MOST_SHOWN, DeadLetterFilter, DeadLetters, DeadLettersDone
from proto.errors import Conflict, NotFound, Unavailable
from proto.job import JobPurpose
from services.chassis.broker import Broker
from services.chassis.dead_letters import letter_of, obstacle_of
from services.chassis.parked_message import ParkedMessage, parked_message
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import PARKED, RECLASSIFY

CONNECT_S = 10.0
LOOK_S = 0.5
"""Somebody else's look at the queue takes about so long"""
MOST_SORTED = 1000
MOST_HELD = 10_000
"""Messages held at most while one is looked for, or some are passed over"""
EVERYTHING = DeadLetterFilter()
_LOST = (AMQPError, OSError, TimeoutError, RuntimeError)


class Parked:
    """The parking queue; one look at a time. All methods raise :class:`proto.errors.Unavailable` while the broker is
    away."""

    def __init__(self, settings: BackendSettings, broker: Broker, runs: Runs) -> None:
        self._url = settings.amqp_url.get_secret_value()
        self._broker = broker
        self._runs = runs
        self._turn = asyncio.Lock()

    async def all(self, limit: int = 1000) -> list[ParkedMessage]:
        """Return the messages, longest parked first, at most ``limit``."""
        return (await self.look(limit))[0]

    async def look(self, limit: int) -> tuple[list[ParkedMessage], int]:
        """Return the messages, longest parked first, at most ``limit``, and how many there are in all.

        The broker puts what comes back behind the rest, so it is sorted here, out of more than are shown; where there
        are still more, each look shows others.
        """
        found: list[ParkedMessage] = []
        total = 0
        async with self._taken(max(limit, MOST_SORTED)) as messages:
            async for message, total_then in messages:
                found.append(parked_message(message))
                total = total_then
        never = datetime.max.replace(tzinfo=UTC)
        found.sort(key=lambda message: message.parked_at or never)
        return found[:limit], total

    async def letters(self, limit: int = MOST_SHOWN) -> DeadLetters:
        """Return what is parked as operators see it, with the reason of each."""
        messages, total = await self.look(limit)
        return DeadLetters(items=tuple([await letter_of(message, self._runs) for message in messages]), total=total)

    async def replay(self, parked_id: str | None, wanted: DeadLetterFilter = EVERYTHING) -> DeadLettersDone:
        """Send one message (None: all that are ``wanted``) back to its work queue, its run ``queued`` again.

        Published and confirmed first, taken off the parking queue then: if it breaks off between the two, it is there
        twice, which costs nothing. Those that would help nobody are left where they are.

        Raises:
            NotFound: no message has this id.
            Conflict: work on this one would help nobody; the message says why.
        """

        async def work(parked: ParkedMessage) -> bool:
            hindered = await obstacle_of(parked, self._runs)
            if hindered and parked_id is not None:
                raise Conflict(f"{hindered} It can only be thrown away.")
            if not hindered:
                await self._replay(parked)
            return not hindered

        return await self._each(parked_id, wanted, work)

    async def drop(self, parked_id: str | None, wanted: DeadLetterFilter = EVERYTHING) -> DeadLettersDone:
        """Throw one message (None: all that are ``wanted``) away. The runs themselves stay as they are.

        Raises:
            NotFound: no message has this id.
        """

        async def nothing(_: ParkedMessage) -> bool:
            return True

        return await self._each(parked_id, wanted, nothing)

    async def _each(
        self, parked_id: str | None, wanted: DeadLetterFilter, work: Callable[[ParkedMessage], Awaitable[bool]]
    ) -> DeadLettersDone:
        """Work on what is parked now, one after the other; ``work`` says whether a message may go."""
        for last in (False, False, True):
            done = seen = skipped = before = 0
            async with self._taken(MOST_HELD) as messages:
                async for message, total in messages:
                    before, seen = total, seen + 1
                    parked = parked_message(message)
                    if (parked_id is None and _is_wanted(parked, wanted)) or parked.parked_id == parked_id:
                        if await work(parked):
                            await message.ack()
                            done += 1
                        else:
                            skipped += 1
                        if parked_id is not None:
                            break
            if parked_id is None or done or last:
                break
            await asyncio.sleep(LOOK_S)  # perhaps somebody else just looks at it
        if parked_id is not None and not done:
            raise NotFound(f"No parked message has the id {parked_id!r}. `krabbel dead list` shows them.")
        return DeadLettersDone(done=done, skipped=skipped, left=before - done)

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
    async def _taken(self, most: int) -> AsyncIterator[AsyncIterator[tuple[AbstractIncomingMessage, int]]]:
        """Take messages in hand one by one, each with how many were there in all; what is not acknowledged goes back
        at the end."""
        async with self._turn:
            try:
                async with asyncio.timeout(CONNECT_S):
                    connection = await aio_pika.connect(self._url, timeout=CONNECT_S)
                    channel = await connection.channel(publisher_confirms=False)  # held: connections hold them weakly
            except _LOST as error:
                raise Unavailable(f"The broker is away ({type(error).__name__}).") from error
            try:
                yield _take(channel, most)
            finally:
                with suppress(*_LOST):
                    await connection.close()


async def _take(channel: AbstractChannel, most: int) -> AsyncIterator[tuple[AbstractIncomingMessage, int]]:
    """Yield what was there at the first look: what is parked again meanwhile is left for the next time."""
    total, taken = 0, 0
    queue = await channel.get_queue(PARKED, ensure=False)
    while taken < (min(most, total) if taken else most):
        try:
            message = await queue.get(fail=False, timeout=CONNECT_S)
        except ChannelNotFoundEntity:
            return  # nothing was ever parked, or sent
        except _LOST as error:
            raise Unavailable(f"The broker is away ({type(error).__name__}).") from error
        if message is None:
            return
        taken += 1
        total = total or 1 + int(message.message_count or 0)
        yield message, total


def _is_wanted(parked: ParkedMessage, wanted: DeadLetterFilter) -> bool:
    camera_id = parked.job.camera_id if parked.job else None
    found = {"queue": parked.queue, "camera_id": camera_id, "run_id": parked.run_id}
    return all(found[name] == value for name, value in wanted.model_dump(exclude_none=True).items())
