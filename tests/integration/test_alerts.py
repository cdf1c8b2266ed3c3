"""Alerts on real servers: found in the statistics, stored and sent once, by one of several processes."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.runs import Runs
from services.query.alerts.channels import Message, NotSent
from services.query.alerts.keeper import LEASE, AlertKeeper
from services.query.alerts.settings import AlertSettings
from tests.stack_fixture import RunningStack
from tests.support.seeds import a_run, a_verdict

pytestmark = pytest.mark.stack
NOW = datetime.now(UTC)


class Way:
    """A channel that keeps what it gets, and fails when told to."""

    def __init__(self) -> None:
        self.name = "kept"
        self.got: list[Message] = []
        self.works = True

    async def send(self, message: Message) -> None:
        if not self.works:
            raise NotSent("away")
        self.got.append(message)


class World:
    def __init__(self, database, broker, settings) -> None:  # type: ignore[no-untyped-def]
        self.way, self.database, self.broker, self.settings = Way(), database, broker, settings

    def keeper(self) -> AlertKeeper:
        return AlertKeeper(self.database, self.broker, self.settings, [self.way])

    async def add(self, number: int, label: str) -> None:
        run = a_run(number, at=NOW)
        await Runs(self.database).receive(run)
        await Runs(self.database).complete(a_verdict(run, label))


@pytest.fixture
async def world(backends: RunningStack) -> AsyncIterator[World]:
    name = f"t{uuid.uuid4().hex[:12]}"
    settings = AlertSettings.from_env(
        {**backends.env, "KRABBEL_MONGO_DATABASE": name, "KRABBEL_ALERT_KINDS": "first_sighting rare_class"}
    )
    async with open_database(settings) as database, open_broker(settings) as broker:
        yield World(database, broker, settings)
        await database.client.drop_database(name)


async def test_what_was_there_before_is_no_news_and_news_is_told_once(world: World) -> None:
    await world.add(1, "bee")
    keeper = world.keeper()
    assert await keeper.round(NOW) == 0
    await world.add(2, "fly")
    await world.add(3, "ant")
    assert await keeper.round(NOW) == 1
    assert await keeper.round(NOW) == 0
    (message,) = world.way.got
    assert message.lines == ("Zum ersten Mal gesehen: Ameise", "Zum ersten Mal gesehen: Fliege")
    assert [alert["_id"] for alert in await keeper.latest()] == ["first_sighting:ant", "first_sighting:fly"]


async def test_cool_down_gathers_what_comes_meanwhile(world: World) -> None:
    keeper = world.keeper()
    await keeper.round(NOW)
    await world.add(1, "fly")
    assert await keeper.round(NOW) == 1
    await world.add(2, "ant")
    await world.add(3, "bee")
    assert await keeper.round(NOW + timedelta(minutes=30)) == 0
    assert await keeper.round(NOW + timedelta(minutes=61)) == 1
    assert len(world.way.got[-1].lines) == 2


async def test_what_a_channel_refused_is_sent_later_with_the_same_key_rules(world: World) -> None:
    keeper = world.keeper()
    await keeper.round(NOW)
    await world.add(1, "fly")
    world.way.works = False
    assert await keeper.round(NOW) == 0
    world.way.works = True
    assert await keeper.round(NOW + timedelta(seconds=10)) == 0  # left alone for a while
    assert await keeper.round(NOW + timedelta(seconds=31)) == 1
    assert await keeper.round(NOW + timedelta(seconds=62)) == 0


async def test_only_one_of_two_processes_sends_and_the_other_takes_over(world: World) -> None:
    first, second = world.keeper(), world.keeper()
    await first.round(NOW)
    await world.add(1, "fly")
    assert await second.round(NOW) == 0
    await world.database.handle["leases"].update_one({"_id": "alerts"}, {"$set": {"until": NOW - LEASE}})
    assert await second.round(NOW) == 1
    assert await first.round(NOW) == 0
    assert len(world.way.got) == 1
