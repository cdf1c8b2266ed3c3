"""A classifier process on real servers, and runs for it to classify."""

import asyncio
import contextlib
import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import aio_pika
import numpy as np
from PIL import Image

from proto.job import ClassifyJob, JobImage
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun, object_key_of
from services.chassis.broker import RETRY_DELAYS_S, Broker, open_broker
from services.chassis.database import Database, open_database
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import CLASSIFY, queues

NOW = datetime(2024, 5, 15, 8, 0, tzinfo=UTC)


@dataclass
class Worker:
    """A running classifier process."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def kill(self) -> None:
        """SIGKILL it."""
        self.process.kill()
        self.process.wait(10)

    def terminate(self, timeout_s: float = 30) -> int:
        """SIGTERM it and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of one of its own pages."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str) -> float:
        """Return a metric's value, by its name with labels; 0 where it is not there."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    async def until_ready(self, timeout_s: float = 90) -> "Worker":
        """Return once it consumes."""
        async with asyncio.timeout(timeout_s):
            while (await asyncio.to_thread(self.get, "/readyz"))[0] != 200:
                assert self.process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.1)
        return self


@contextmanager
def worker_process(
    env: Mapping[str, str], model: Path, folder: Path, *, module: str = "services.classifier", **settings: object
) -> Iterator[Worker]:
    """Start a classifier process; at the end it is killed if it still runs."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    own = {f"KRABBEL_{name.upper()}": str(value) for name, value in settings.items()}
    log = folder / f"worker-{uuid.uuid4().hex[:6]}.log"
    output: IO[bytes]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env={
                **os.environ,
                **env,
                "KRABBEL_MODEL": str(model),
                "KRABBEL_PORT": str(port),
                "KRABBEL_THREADS": "1",
                "KRABBEL_LOG_FORMAT": "json",
                **own,
            },
            stdout=output,
            stderr=output,
        )
        try:
            yield Worker(process, port, log)
        finally:
            process.kill()
            process.wait(10)


@dataclass
class Bench:
    """Clients of the real servers, with a database of their own."""

    settings: BackendSettings
    database: Database
    store: ObjectStore
    broker: Broker
    runs: Runs
    env: dict[str, str] = field(default_factory=dict)

    async def add_run(
        self, images: int = 2, *, publish: bool = True, data: list[bytes] | None = None, camera: str = "garden"
    ) -> ClassifyJob:
        """Upload a run's images, store its document, and publish its job, as ingest does."""
        files = data if data is not None else [picture() for _ in range(images)]
        run_id = uuid.uuid4().hex
        references = []
        for content in files:
            sha256 = hashlib.sha256(content).hexdigest()
            key = object_key_of(run_id, sha256, "image/jpeg")
            await self.store.put(key, content, "image/jpeg")
            references.append(
                ImageReference(
                    sha256=sha256,
                    object_key=key,
                    file_name=f"{sha256[:8]}.jpg",
                    content_type="image/jpeg",
                    byte_size=len(content),
                    width=60,
                    height=60,
                )
            )
        run = TrackingRun(
            run_id=run_id,
            camera_id=camera,
            tracking_id="17",
            source=RunSource.API,
            started_at=NOW,
            ended_at=NOW,
            duration_s=0,
            received_at=datetime.now(UTC),
            sort_at=NOW,
            local_date=NOW.date(),
            local_hour=10,
            images=tuple(references),
        )
        await self.runs.receive(run)
        job = ClassifyJob(
            run_id=run_id,
            camera_id=camera,
            images=tuple(JobImage(sha256=image.sha256, object_key=image.object_key) for image in references),
            published_at=datetime.now(UTC),
        )
        if publish:
            await self.publish(job)
        return job

    async def publish(self, job: ClassifyJob) -> None:
        """Publish a job and mark its run queued."""
        await self.broker.publish(job, CLASSIFY)
        await self.runs.mark_queued(job.run_id)

    async def until_status(self, run_ids: list[str], status: RunStatus, timeout_s: float = 100) -> None:
        """Return once all these runs have the status."""
        query = {"_id": {"$in": run_ids}, "status": status.value}
        async with asyncio.timeout(timeout_s):
            while await self.database.runs.count_documents(query) < len(run_ids):
                await asyncio.sleep(0.1)

    async def until_empty(self, queue: str = CLASSIFY, depth: int = 0, timeout_s: float = 30) -> None:
        """Return once the queue has this many ready messages."""
        async with asyncio.timeout(timeout_s):
            while await self.broker.depth(queue) != depth:
                await asyncio.sleep(0.1)


def picture() -> bytes:
    """Return a small JPEG that no other is like."""
    random = np.random.default_rng()
    small = random.integers(0, 256, (8, 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((60, 60)).save(buffer, "JPEG")
    return buffer.getvalue()


async def empty_queues(settings: BackendSettings) -> None:
    """Throw away what other tests left: all share the broker, and jobs of ingest's tests wait for a worker for ever."""
    async with await aio_pika.connect(settings.amqp_url.get_secret_value(), timeout=10) as connection:
        channel = await connection.channel()
        for queue in queues(RETRY_DELAYS_S):
            await (await channel.get_queue(queue.name)).purge()


@asynccontextmanager
async def bench_on(env: Mapping[str, str]) -> AsyncIterator[Bench]:
    """Open clients of the servers; the database is a fresh one, dropped at the end."""
    settings = BackendSettings.from_env(env).model_copy(update={"mongo_database": f"test_{uuid.uuid4().hex[:8]}"})
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        store = await stack.enter_async_context(open_object_store(settings))
        broker = await stack.enter_async_context(open_broker(settings))
        await store.ensure_bucket()
        await database.ensure_indexes()
        await broker.ping()  # declares the queues
        await empty_queues(settings)
        own = {**env, "KRABBEL_MONGO_DATABASE": settings.mongo_database}
        try:
            yield Bench(settings, database, store, broker, Runs(database), own)
        finally:
            with contextlib.suppress(Exception):
                await database.client.drop_database(settings.mongo_database)
