"""The feed ends when it is told to, also when its connection breaks at that very moment."""

import asyncio

from proto.errors import Unavailable
from services.dashboard.feed import Feed


class _Breaking:
    """A query service whose stream breaks in the same turn of the loop in which the dashboard is stopped."""

    def __init__(self) -> None:
        self.breaks = asyncio.Event()

    async def live(self, opened: asyncio.Event):
        await self.breaks.wait()
        raise Unavailable("gone")
        yield


async def test_a_feed_that_is_stopped_while_its_stream_breaks_ends():
    client = _Breaking()
    feed = Feed(client)
    task = asyncio.create_task(feed.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.breaks.set()
    await asyncio.sleep(0)
    feed.stop(task)
    done, _ = await asyncio.wait({task}, timeout=5)
    assert done
