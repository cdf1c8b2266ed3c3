"""Ends background tasks, also one that lets a cancellation pass unnoticed."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

AGAIN_S = 1.0


async def end(tasks: Collection["asyncio.Task[None]"]) -> None:
    """Cancel tasks until all have ended; raise what one of them died of.

    Once is not always enough: a cancellation that arrives as what is waited for ends can get lost in
    Python 3.11's timeouts, and who then awaits the task waits for ever.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=AGAIN_S)
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
