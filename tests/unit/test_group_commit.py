"""Writes that come together are one write; with patience, they wait for each other."""

import asyncio

import pytest

from proto.errors import Unavailable
from services.chassis.group_commit import NONE, GroupCommit, Patience


class Store:
    """Writes down its groups; waits at a gate when told so; refuses 13, and all while it is away."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False

    async def write(self, items: list[int]) -> list[int]:
        self.groups.append(items)
        await self.gate.wait()
        if self.away:
            raise Unavailable("away")
        if 13 in items:
            raise ValueError("unlucky")
        return [item * 10 for item in items]


async def test_what_comes_while_a_write_is_under_way_is_the_next_one() -> None:
    store = Store()
    commit = GroupCommit(store.write, most=3)
    store.gate.clear()
    tasks = [asyncio.create_task(commit.submit(1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(commit.submit(number)) for number in range(2, 7)]
    await asyncio.sleep(0)
    store.gate.set()
    assert await asyncio.gather(*tasks) == [10, 20, 30, 40, 50, 60]
    assert store.groups == [[1], [2, 3, 4], [5, 6]]


async def test_patient_write_begins_once_enough_have_come() -> None:
    store = Store()
    commit = GroupCommit(store.write, most=64, patience=lambda: Patience(3600, 3))
    tasks = []
    for number in (1, 2, 3):
        assert store.groups == []
        tasks.append(asyncio.create_task(commit.submit(number)))
        await asyncio.sleep(0.01)
    assert await asyncio.gather(*tasks) == [10, 20, 30]
    assert store.groups == [[1, 2, 3]]


async def test_patience_has_an_end() -> None:
    store = Store()
    commit = GroupCommit(store.write, most=64, patience=lambda: Patience(0.01, 50))
    assert await commit.submit(1) == 10


async def test_more_than_a_group_holds_is_not_waited_for() -> None:
    store = Store()
    commit = GroupCommit(store.write, most=2, patience=lambda: Patience(3600, 50))
    assert await asyncio.gather(*(commit.submit(number) for number in (1, 2))) == [10, 20]


async def test_patience_is_asked_for_each_time() -> None:
    store, patience = Store(), [Patience(3600, 2)]
    commit = GroupCommit(store.write, most=64, patience=lambda: patience[0])
    assert await asyncio.gather(*(commit.submit(number) for number in (1, 2))) == [10, 20]
    patience[0] = NONE
    assert await commit.submit(3) == 30


async def test_one_bad_item_fails_alone() -> None:
    store = Store()
    commit = GroupCommit(store.write, most=64)
    results = await asyncio.gather(*(commit.submit(number) for number in (12, 13, 14)), return_exceptions=True)
    assert [results[0], results[2]] == [120, 140]
    assert isinstance(results[1], ValueError)


async def test_store_that_is_away_is_asked_once_for_all() -> None:
    store = Store()
    store.away = True
    commit = GroupCommit(store.write, most=64)
    results = await asyncio.gather(*(commit.submit(number) for number in (1, 2, 3)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)
    assert len(store.groups) == 1
    with pytest.raises(Unavailable):
        await commit.submit(4)
