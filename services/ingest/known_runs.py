"""Do we have this run already? In the spool, or in the database; and what an Idempotency-Key stood for."""

import asyncio
from collections import OrderedDict

from proto.errors import RunNotFound, Unavailable
from proto.run import TrackingRun
from services.chassis.runs import Runs
from services.ingest.spool import Spool

MAX_KEYS = 50_000
ASK_S = 2.0


class KnownRuns:
    """Answers clients that ask before they send.

    Idempotency keys are kept in memory only, the latest :data:`MAX_KEYS` of them: they spare bytes. What makes a repeat
    harmless, always, is that a run's id is made of its content.
    """

    def __init__(self, spool: Spool, runs: Runs) -> None:
        self._spool, self._runs = spool, runs
        self._keys: OrderedDict[str, str] = OrderedDict()

    def remember(self, key: str, run_id: str) -> None:
        """Note which run a key stood for."""
        self._keys[key] = run_id
        self._keys.move_to_end(key)
        if len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)

    def run_id(self, key: str) -> str | None:
        """Return the run that a key stood for, if we remember."""
        return self._keys.get(key)

    async def find(self, run_id: str) -> TrackingRun | None:
        """Return the run if we have it. With the database away the answer is no: better twice than never."""
        waiting = await self._spool.find(run_id)
        if waiting is not None:
            return waiting
        try:
            async with asyncio.timeout(ASK_S):
                return await self._runs.get(run_id)
        except (RunNotFound, Unavailable, TimeoutError):
            return None
