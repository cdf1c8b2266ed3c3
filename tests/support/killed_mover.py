"""Moves messages in processes that are killed (SIGKILL) after their n-th step, for every n: see test_killed_moves.py.

Run as a program, so that the processes are forked from one without threads and a loop. What counts as a step is
everything that is asked of broker or database; the program knows nothing of the code that is killed. Prints one JSON
line for each n: how many of the processes were killed, and where each message is in the end.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel

from proto.job import ClassifyJob, JobImage
from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.parked import Parked
from services.chassis.queue_arguments import BESIDE, QueueArguments
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import CLASSIFY, EXCHANGE, PARKED
from tests.support.seeds import START, a_run

RETRIES = (0.25,)
MESSAGES = 2
KILLS = 1
"""Processes that are killed at the same place before one may finish."""
Work = Callable[[], Awaitable[Any]]
OnChannel = Callable[[AbstractChannel], Awaitable[Any]]
settings = BackendSettings.from_env(os.environ)


def count_steps(cls: type, name: str, reached: Callable[[], None]) -> None:
    """Have each call of a method be a step, once it is done."""
    method = getattr(cls, name)

    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = await method(self, *args, **kwargs)
        reached()
        return result

    setattr(cls, name, counted)


def killed_after(steps: int, work: Work) -> bool:
    """Do the work in a process that is killed after so many steps; return whether it came to that."""
    child = os.fork()
    if child == 0:
        left = itertools.count(steps - 1, -1)

        def reached() -> None:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        from aio_pika.channel import Channel
        from aio_pika.exchange import Exchange
        from aio_pika.message import IncomingMessage
        from aio_pika.queue import Queue

        for cls, names in (
            (Queue, ("get", "bind", "unbind", "delete")),
            (Exchange, ("publish",)),
            (IncomingMessage, ("ack",)),
            (Channel, ("declare_queue",)),
            (Runs, ("requeue",)),
        ):
            for name in names:
                count_steps(cls, name, reached)
        try:
            asyncio.run(work())  # type: ignore[arg-type]
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the process failed after {steps} steps")
    return os.WIFSIGNALED(status)


async def taken(channel: AbstractChannel, name: str) -> list[str]:
    """Take all messages of a queue; return their ids."""
    queue, found = await channel.get_queue(name, ensure=False), []
    while (message := await queue.get(fail=False, no_ack=True)) is not None:
        found.append(message.message_id or "")
    return found


async def removed(channel: AbstractChannel, *names: str) -> None:
    underlying = await channel.get_underlay_channel()
    for name in names:
        await underlying.queue_delete(name)


async def outside(work: OnChannel) -> Any:
    """Do something with a channel of our own."""
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with connection:
        return await work(await connection.channel(publisher_confirms=True))


async def an_old_queue(channel: AbstractChannel) -> None:
    """Declare the work queue as an older Krabbel might have, with messages in it."""
    await removed(channel, CLASSIFY, CLASSIFY + BESIDE)
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    queue = await channel.declare_queue(CLASSIFY, durable=True, arguments={"x-queue-type": "quorum"})
    await queue.bind(exchange, routing_key=CLASSIFY)
    for number in range(MESSAGES):
        await channel.default_exchange.publish(aio_pika.Message(b"job", message_id=str(number)), CLASSIFY)


async def mend() -> None:
    """What `krabbel upgrade` does with the queues."""
    await QueueArguments(settings, RETRIES).mend()


async def moved(channel: AbstractChannel) -> dict[str, Any]:
    """Return what is where after an upgrade, and whether the queue takes new messages."""
    exchange = await channel.get_exchange(EXCHANGE)
    await exchange.publish(aio_pika.Message(b"job", message_id="new"), CLASSIFY, mandatory=True)
    found = await taken(channel, CLASSIFY)
    differing = await QueueArguments(settings, RETRIES).differing()
    return {"found": found, "differing": sorted(differing)}


def jobs() -> list[ClassifyJob]:
    """Return the jobs that are parked for the second scenario."""
    runs = [a_run(number, camera="killed") for number in range(MESSAGES)]
    return [
        ClassifyJob(
            run_id=run.run_id,
            camera_id=run.camera_id,
            images=tuple(JobImage(sha256=image.sha256, object_key=image.object_key) for image in run.images),
            published_at=START,
        )
        for run in runs
    ]


async def parked_jobs(channel: AbstractChannel) -> None:
    """Park jobs of runs that failed."""
    await removed(channel, CLASSIFY, PARKED)
    async with open_broker(settings) as broker, open_database(settings) as database:
        await database.runs.delete_many({"camera_id": "killed"})
        for number, job in enumerate(jobs()):
            await Runs(database).receive(a_run(number, camera="killed"))
            await Runs(database).fail(job.run_id, "no picture could be read")
            await broker.publish(job, PARKED)


async def replay() -> None:
    """What `krabbel dead replay --all` does."""
    async with open_broker(settings) as broker, open_database(settings) as database:
        await Parked(settings, broker, Runs(database)).replay(None)


async def replayed(channel: AbstractChannel) -> dict[str, Any]:
    """Return what is where after a replay."""
    found, left = [], await taken(channel, PARKED)
    queue = await channel.get_queue(CLASSIFY, ensure=False)
    while (message := await queue.get(fail=False, no_ack=True)) is not None:
        found.append(ClassifyJob.model_validate_json(message.body).run_id)
    async with open_database(settings) as database:
        statuses = {(await Runs(database).get(job.run_id)).status.value for job in jobs()}
    return {"found": found, "left": left, "statuses": sorted(statuses), "wanted": [job.run_id for job in jobs()]}


SCENARIOS: dict[str, tuple[OnChannel, Work, OnChannel]] = {
    "mend": (an_old_queue, mend, moved),
    "replay": (parked_jobs, replay, replayed),
}


def main() -> None:
    """Kill after each step in turn, until the work is over before the kill."""
    prepare, work, look = SCENARIOS[sys.argv[1]]
    for steps in itertools.count(1):
        asyncio.run(outside(prepare))
        kills = sum(killed_after(steps, work) for _ in range(KILLS))
        asyncio.run(work())  # type: ignore[arg-type]
        sys.stdout.write(json.dumps({"steps": steps, "kills": kills, **asyncio.run(outside(look))}) + "\n")
        if not kills:
            return


if __name__ == "__main__":
    main()
