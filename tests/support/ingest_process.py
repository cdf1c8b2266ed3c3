"""Ingest as a process of its own on real servers, to be killed; and what it left in the stores."""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from proto.camera import Camera
from proto.job import ClassifyJob, decode_job
from proto.run import TrackingRun
from services.chassis.broker import Broker, open_broker
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import CLASSIFY

START_S = 30.0


def free_port() -> int:
    """Return a port that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class IngestProcess:
    """``python -m services.ingest`` with a database, a bucket and a spool of its own on shared servers."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        name = f"t{uuid.uuid4().hex[:12]}"
        self.spool = folder / f"spool-{name}"
        self.log = folder / f"{name}.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.classify = f"{self.url}/classify"
        self.key = env["KRABBEL_API_KEY"]
        self.env = {
            **env,
            "KRABBEL_MONGO_DATABASE": name,
            "KRABBEL_S3_BUCKET": name,
            "KRABBEL_SPOOL_DIR": str(self.spool),
            "KRABBEL_PORT": str(self.port),
            "KRABBEL_CAMERA_NAME": name,
            "KRABBEL_LOG_FORMAT": "json",
        }
        self.camera_id = name
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def backends(self) -> BackendSettings:
        """Settings for clients of the same stores."""
        names = {key.removeprefix("KRABBEL_").lower(): value for key, value in self.env.items()}
        return BackendSettings(**{name: names[name] for name in BackendSettings.model_fields if name in names})

    def start(self, **settings: object) -> None:
        """Start it, with further settings by field name, and wait until it takes uploads."""
        more = {f"KRABBEL_{name.upper()}": str(value) for name, value in settings.items()}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.ingest"],
                env={**os.environ, **self.env, **more},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                if requests.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except requests.ConnectionError:
                time.sleep(0.05)
        raise AssertionError(f"ingest is not ready: {self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.wait_for_death()

    def stop(self) -> None:
        """SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
        self.wait_for_death()

    def wait_for_death(self, timeout_s: float = 30.0) -> int:
        """Return the exit status."""
        return 0 if self.process is None else self.process.wait(timeout_s)

    @property
    def waiting(self) -> int:
        """Accepted runs in the spool."""
        return len(list((self.spool / "ready").glob("*.run")))

    async def until_forwarded(self, timeout_s: float = 60.0) -> None:
        """Return when the spool is empty."""
        deadline = time.monotonic() + timeout_s
        while self.waiting:
            assert time.monotonic() < deadline, f"{self.waiting} runs wait still: {self.log.read_text()[-3000:]}"
            await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Stores:
    """What ingest left behind, seen from outside."""

    store: ObjectStore
    broker: Broker
    database: Database

    async def runs(self) -> list[TrackingRun]:
        """Return all runs, oldest receipt first."""
        repository = Runs(self.database)
        documents = await self.database.runs.find({}, {"_id": 1}).sort("received_at", 1).to_list(None)
        return [await repository.get(document["_id"]) for document in documents]

    async def cameras(self) -> list[Camera]:
        """Return all cameras."""
        return await Cameras(self.database).all()

    async def objects(self) -> dict[str, str]:
        """Return the SHA-256 of each stored object's bytes, by key."""
        keys = [item.key for item in await self.store.list("")]
        found: dict[str, str] = {}
        for start in range(0, len(keys), 32):
            some = keys[start : start + 32]
            for key, data in zip(some, await asyncio.gather(*(self.store.get(key) for key in some)), strict=True):
                found[key] = hashlib.sha256(data).hexdigest()
        return found

    async def take_jobs(self, camera_id: str) -> list[ClassifyJob]:
        """Consume the queue and return this camera's jobs."""
        jobs: list[ClassifyJob] = []
        async with self.broker.consumer(CLASSIFY, 500) as consumer:
            while True:
                try:
                    delivery = await asyncio.wait_for(anext(consumer), 0.7)
                except TimeoutError:
                    return jobs
                job = decode_job(delivery.body, delivery.message_type, delivery.headers)
                await delivery.ack()
                if job.camera_id == camera_id:
                    jobs.append(job)


@asynccontextmanager
async def open_stores(settings: BackendSettings) -> AsyncIterator[Stores]:
    """Open the stores that a process uses."""
    async with open_object_store(settings) as store, open_broker(settings) as broker, open_database(settings) as base:
        yield Stores(store, broker, base)
