"""Which ingest processes are alive and what waits in their spools: a document each, which expires when they are gone.

Query shows operators what only the gateway's own disk knows. Accepting uploads never waits for this.
"""

from datetime import UTC, datetime

from proto.system import GatewayStatus
from services.chassis.database import Database, available

BEAT_S = 5.0
ALIVE_S = 20.0


class Gateways:
    """Repository of gateways. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._gateways = database.handle["gateways"]

    async def beat(self, status: GatewayStatus) -> None:
        """Say how a gateway is."""
        document = status.model_dump(mode="python", exclude={"gateway_id"}) | {"_id": status.gateway_id}
        await available(lambda: self._gateways.replace_one({"_id": status.gateway_id}, document, upsert=True))

    async def leave(self, gateway_id: str) -> None:
        """Say that a gateway ends."""
        await available(lambda: self._gateways.delete_one({"_id": gateway_id}))

    async def alive(self, now: datetime | None = None) -> list[GatewayStatus]:
        """Return the gateways heard of lately, longest running first."""
        moment = now or datetime.now(UTC)
        documents = await available(lambda: self._gateways.find().sort("started_at", 1).to_list(None))
        found = [GatewayStatus.model_validate({**document, "gateway_id": document["_id"]}) for document in documents]
        return [gateway for gateway in found if (moment - gateway.seen_at).total_seconds() < ALIVE_S]
