"""Background tasks end when their service does."""

import asyncio

import pytest

from services.chassis.ending import end


async def test_task_that_misses_the_first_cancellation_ends_all_the_same(monkeypatch):
    monkeypatch.setattr("services.chassis.ending.AGAIN_S", 0.01)
    missed = 0

    async def deaf() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if missed:
                    raise
                missed += 1

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end([task])
    assert (missed, task.cancelled()) == (1, True)


async def test_what_a_task_died_of_is_told():
    async def dies() -> None:
        raise ValueError("of this")

    task = asyncio.create_task(dies())
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="of this"):
        await end([task])
