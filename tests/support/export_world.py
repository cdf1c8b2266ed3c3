"""The query service on real servers, filled for the tests of exports."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp.test_utils import TestClient, TestServer

from proto.export import ExportJob, ExportState
from proto.run import TrackingRun
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.runs import Runs
from services.query.app import create_app
from services.query.settings import QuerySettings
from tests.support.export_items import a_camera
from tests.support.seeds import a_run, a_verdict, jpeg

KEY = {"Authorization": "Bearer service-secret"}
LABELS = ("bee", "fly", "none_bg", "none_bird")


@dataclass
class World:
    """The service, and the stores behind it."""

    client: TestClient
    settings: QuerySettings
    database: Database
    runs: Runs
    cameras: Cameras
    store: ObjectStore

    async def seed(self, count: int, camera: str = "garden-1", *, pictures: bool = False) -> list[TrackingRun]:
        """Store classified runs."""
        made = []
        for number in range(count):
            data = jpeg(number, exif=True) if pictures else None
            run = a_run(number, camera=camera, images=1 if pictures else 2, data=data)
            await self.runs.receive(run)
            await self.runs.complete(a_verdict(run, LABELS[number % len(LABELS)]))
            if data:
                await self.store.put(run.images[0].object_key, data, "image/jpeg")
            made.append(run)
        return made

    async def get(self, path: str, status: int = 200, headers: dict[str, str] = KEY) -> bytes:
        async with self.client.get(path, headers=headers) as response:
            body = await response.read()
            assert response.status == status, body
            return body

    async def start(self, status: int = 202, headers: dict[str, str] = KEY, **body: str) -> str:
        async with self.client.post("/api/v1/exports", json=body, headers=headers) as response:
            answer = await response.json()
            assert response.status == status, answer
            return str(response.headers.get("Location") or answer["detail"])

    async def ended(self, path: str, within_s: float = 30) -> ExportJob:
        deadline = time.monotonic() + within_s
        while True:
            job = ExportJob.model_validate_json(await self.get(path))
            if job.state in (ExportState.DONE, ExportState.FAILED):
                return job
            assert time.monotonic() < deadline, job
            await asyncio.sleep(0.05)


@asynccontextmanager
async def export_world(env: Mapping[str, str]) -> AsyncIterator[World]:
    """Yield a service with a database of its own and one camera."""
    given = {
        name: env[f"KRABBEL_{name.upper()}"] for name in QuerySettings.model_fields if f"KRABBEL_{name.upper()}" in env
    }
    own = {"mongo_database": f"exports_{uuid.uuid4().hex}", "service_key": "service-secret", "export_jobs_waiting": 5}
    settings = QuerySettings.model_validate({**given, **own, "public_url": "https://insekten.example.org"})
    async with (
        open_database(settings) as database,
        open_object_store(settings) as store,
        TestClient(TestServer(create_app(settings))) as client,
    ):
        await store.ensure_bucket()
        cameras = Cameras(database)
        await cameras.add(a_camera())
        yield World(client, settings, database, Runs(database), cameras, store)
        await database.client.drop_database(settings.mongo_database)
