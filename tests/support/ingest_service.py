"""Ingest in this process, on a real port, with every store away: it accepts all the same, into its spool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer

from services.ingest.app import create_app
from services.ingest.context import SPOOL
from services.ingest.settings import IngestSettings
from services.ingest.spool import Spool

API_KEY = "the-predecessors-one-key"
NOWHERE = 9  # the discard port: nothing listens


class IngestService:
    """What a test needs of it."""

    def __init__(self, server: TestServer) -> None:
        self.url = str(server.make_url("")).rstrip("/")
        self.classify = f"{self.url}/classify"
        self.runs = f"{self.url}/api/v1/runs"
        self.port = server.port
        self.spool: Spool = server.app[SPOOL]

    @property
    def ready(self) -> list[Path]:
        """The accepted runs in the spool."""
        return sorted((self.spool.folder / "ready").iterdir())

    @property
    def leftovers(self) -> list[Path]:
        """Files of uploads that are not over: none, when all clients were answered."""
        return list((self.spool.folder / "incoming").iterdir())


@asynccontextmanager
async def ingest_without_stores(folder: Path, **settings: Any) -> AsyncIterator[IngestService]:
    """Start it; settings by field name."""
    defaults: dict[str, Any] = {
        "spool_dir": folder,
        "amqp_url": f"amqp://guest:guest@127.0.0.1:{NOWHERE}/",
        "mongo_url": f"mongodb://127.0.0.1:{NOWHERE}/?replicaSet=krabbel&serverSelectionTimeoutMS=300",
        "s3_endpoint": f"http://127.0.0.1:{NOWHERE}",
        "api_key": API_KEY,
        "camera_name": "Garten",
        "answer_wait_seconds": 0.0,
        "start_wait_seconds": 0.0,
        "spool_min_free_bytes": 0,
    }
    server = TestServer(create_app(IngestSettings(**{**defaults, **settings})), host="127.0.0.1")
    await server.start_server()
    try:
        yield IngestService(server)
    finally:
        await server.close()
