"""Tells operators that this gateway lives, and what waits in its spool (they see it through query)."""

import asyncio
import os
import shutil
import socket
import uuid
from contextlib import suppress
from datetime import UTC, datetime

from proto.errors import Unavailable
from proto.system import GatewayStatus
from services.chassis.gateways import BEAT_S, Gateways
from services.ingest.spool import Spool


class Beat:
    """Reports one gateway every few seconds. Nothing waits for it, and without the database it is silent."""

    def __init__(self, gateways: Gateways, spool: Spool) -> None:
        self._gateways, self._spool = gateways, spool
        self._host = socket.gethostname()
        self._id = f"{self._host}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._started_at = datetime.now(UTC)

    async def beat_forever(self) -> None:
        """Report until cancelled, and take the gateway off the list at the end."""
        try:
            while True:
                with suppress(Unavailable, TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await self._gateways.beat(await self.status())
                await asyncio.sleep(BEAT_S)
        finally:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(1):
                    await self._gateways.leave(self._id)

    async def status(self) -> GatewayStatus:
        """Return how the gateway is now."""
        disk = await asyncio.to_thread(shutil.disk_usage, self._spool.folder)
        return GatewayStatus(
            gateway_id=self._id,
            host=self._host,
            started_at=self._started_at,
            seen_at=datetime.now(UTC),
            runs=len(self._spool),
            bytes=self._spool.room.used,
            limit_bytes=self._spool.room.limit_bytes,
            oldest_s=round(self._spool.oldest_age_s(), 1),
            broken=self._spool.broken,
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
        )
