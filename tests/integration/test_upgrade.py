"""`krabbel upgrade` on real servers: an older database, queues that were declared otherwise."""

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator

import aio_pika
import pytest

from proto.errors import Conflict, Unavailable
from services.chassis.broker import Broker
from services.chassis.database import Database, open_database
from services.chassis.queue_arguments import QueueArguments
from services.chassis.runs import Runs
from services.chassis.schema import NEWEST, Schema, SchemaTooNew
from services.chassis.settings import BackendSettings
from services.chassis.topology import PARKED
from tests.stack_fixture import RunningStack
from tests.support.seeds import a_run, a_verdict

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]
RETRIES = (0.25,)


@pytest.fixture
async def database(backends: RunningStack) -> AsyncIterator[Database]:
    settings = BackendSettings.from_env({**backends.env, "KRABBEL_MONGO_DATABASE": f"t{uuid.uuid4().hex[:12]}"})
    async with open_database(settings) as opened:
        yield opened
        await opened.client.drop_database(settings.mongo_database)


async def test_empty_database_is_of_the_newest_version_at_once(database: Database) -> None:
    assert await Schema(database).version() == NEWEST
    assert await Schema(database).note() == ""


async def test_older_database_is_upgraded_once_and_newer_writes_are_left_alone(database: Database) -> None:
    runs = [a_run(number) for number in range(5)]
    for run in runs:
        await Runs(database).receive(run)
    for run in runs[:3]:
        await Runs(database).complete(a_verdict(run, "bee"))
    await database.runs.update_many({}, {"$unset": {"label": "", "is_insect": ""}})  # as an older Krabbel wrote them
    human = {"label": "fly", "is_insect": True}
    await database.runs.update_one({"_id": runs[1].run_id}, {"$set": {"verification": human}})
    await database.runs.update_one({"_id": runs[2].run_id}, {"$set": {"label": "ant", "is_insect": True}})
    await database.handle["schema"].delete_many({})
    schema = Schema(database)
    assert "krabbel upgrade" in await schema.note()
    assert [step.done async for step in schema.upgrade()] == [False, True]
    documents = [await database.runs.find_one({"_id": run.run_id}) for run in runs]
    assert [document and document["label"] for document in documents] == ["bee", "fly", "ant", None, None]
    assert await schema.version() == NEWEST
    assert [step async for step in schema.upgrade()] == []


async def test_database_of_a_newer_krabbel_is_refused(database: Database) -> None:
    await database.handle["schema"].insert_one({"_id": "database", "version": NEWEST + 1})
    with pytest.raises(SchemaTooNew):
        await Schema(database).check()
    with pytest.raises(SchemaTooNew):
        _ = [step async for step in Schema(database).upgrade()]


async def test_queue_of_an_older_krabbel_is_declared_anew_with_its_messages(backends: RunningStack) -> None:
    settings = BackendSettings.from_env(backends.env)
    connection = await aio_pika.connect(settings.amqp_url.get_secret_value())
    try:
        channel = await connection.channel()
        underlying = await channel.get_underlay_channel()
        await underlying.queue_delete(PARKED)  # which may not be there
        # as it was before commit bc7525e
        old = await channel.declare_queue(PARKED, durable=True, arguments={"x-queue-type": "quorum"})
        for number in range(7):
            message = aio_pika.Message(b"job %d" % number, headers={"krabbel-n": number}, message_id=str(number))
            await channel.default_exchange.publish(message, PARKED)
        broker, arguments = Broker(settings.amqp_url.get_secret_value(), RETRIES), QueueArguments(settings, RETRIES)
        with pytest.raises(Unavailable, match="krabbel upgrade"):
            await broker.ping()
        assert list(await arguments.differing()) == [PARKED]

        async def ignore(_message: aio_pika.abc.AbstractIncomingMessage) -> None:
            return None

        tag = await old.consume(ignore)
        with pytest.raises(Conflict, match="stop the workers"):
            await arguments.mend()
        await old.cancel(tag)
        await channel.close()
        ran = subprocess.run(
            [sys.executable, "-m", "krabbel", "upgrade"],
            env={**os.environ, **backends.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert f"Queue {PARKED} declared anew; 7 messages moved." in ran.stdout
        assert await arguments.differing() == {}
        await broker.ping()
        await broker.close()
        channel = await connection.channel()
        queue = await channel.declare_queue(PARKED, passive=True)
        found = [await queue.get(no_ack=True) for _ in range(7)]
        assert [(message.body, message.headers["krabbel-n"]) for message in found if message] == [
            (b"job %d" % number, number) for number in range(7)
        ]
    finally:
        await connection.close()
