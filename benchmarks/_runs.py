"""What several benchmarks need: runs with pictures in stores and queue, and the processor time of processes."""

import asyncio
import hashlib
import io
import random
import uuid
from datetime import UTC, datetime

import psutil
from PIL import Image

from proto.job import ClassifyJob, JobImage
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun, object_key_of
from services.chassis.broker import open_broker
from services.chassis.database import Database, open_database
from services.chassis.object_store import open_object_store
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import CLASSIFY

AT_ONCE = 16


def crop(seed: int) -> bytes:
    """Return a JPEG of 110 px and some 4 kB, as a trap sends them; no two are alike."""
    generator = random.Random(seed)
    small = Image.frombytes("RGB", (12, 12), generator.randbytes(432))
    buffer = io.BytesIO()
    small.resize((110, 110), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


async def fill(settings: BackendSettings, runs: int, crops: int) -> None:
    """Store so many runs with their pictures, and publish their jobs."""
    now = datetime.now(UTC)
    async with (
        open_database(settings) as database,
        open_object_store(settings) as store,
        open_broker(settings) as broker,
    ):
        await database.ensure_indexes()
        await store.ensure_bucket()
        repository, free = Runs(database), asyncio.Semaphore(AT_ONCE)

        async def add(number: int) -> None:
            run_id = uuid.uuid4().hex
            images = []
            async with free:
                for index in range(crops):
                    data = crop(number * crops + index)
                    sha256 = hashlib.sha256(data).hexdigest()
                    key = object_key_of(run_id, sha256, "image/jpeg")
                    await store.put(key, data, "image/jpeg", sha256=sha256)
                    images.append(
                        ImageReference(
                            sha256=sha256, object_key=key, file_name="c.jpg", content_type="image/jpeg",
                            byte_size=len(data), width=110, height=110,
                        )
                    )  # fmt: skip
                run = TrackingRun(
                    run_id=run_id, camera_id="garden", tracking_id="1", source=RunSource.API, started_at=now,
                    ended_at=now, duration_s=9.0, received_at=now, sort_at=now, local_date=now.date(),
                    local_hour=now.hour, images=tuple(images),
                )  # fmt: skip
                await repository.receive(run)
                job = ClassifyJob(
                    run_id=run_id,
                    camera_id="garden",
                    images=tuple(JobImage(sha256=image.sha256, object_key=image.object_key) for image in images),
                    published_at=now,
                )
                await broker.publish(job, CLASSIFY)
                await repository.mark_queued(run_id)

        await asyncio.gather(*(add(number) for number in range(runs)))


async def until_classified(database: Database, count: int, look_every_s: float = 0.02) -> None:
    """Return once so many runs are classified."""
    while await database.runs.count_documents({"status": RunStatus.CLASSIFIED.value}) < count:
        await asyncio.sleep(look_every_s)


def processor_s(pid: int | None) -> float:
    """Return the processor time that a process and all below it have used, seconds."""
    if pid is None:
        return 0.0
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(times.user + times.system for times in (process.cpu_times() for process in family))


def machine_busy_s() -> float:
    """Return the processor time that everything on this machine has used, seconds."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
