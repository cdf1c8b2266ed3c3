"""How many images a second does the bare network do, and how many a worker on the real stack?

    python -m benchmarks.classifier [--runs 400] [--crops 10] [--model FILE] [--threads 0] [--out FILE.json]

First the bare network, by runtime and batch size, on the same threads as the worker. Then the worker: the queue is
filled while no worker runs, then one is started; measured from the 10th to the 90th percent of the runs, so that
neither start nor tail count. Beside it the processor time that worker and servers used meanwhile: on a machine where
all share the same cores, the worker cannot have what the servers take.
"""

import argparse
import asyncio
import hashlib
import io
import json
import os
import platform
import random
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from krabbel.stack import BACKENDS, EmbeddedStack
from proto.job import ClassifyJob, JobImage
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun, object_key_of
from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.object_store import open_object_store
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import CLASSIFY

DEMO_MODEL = Path("models/demo/krabbel-demo-yolov5n-cls.pt")
BATCHES = (1, 8, 16, 32, 64)


def crop(seed: int) -> bytes:
    """Return a JPEG of 110 px and some 4 kB, as a trap sends them; no two are alike."""
    generator = random.Random(seed)
    small = Image.frombytes("RGB", (12, 12), generator.randbytes(432))
    buffer = io.BytesIO()
    small.resize((110, 110), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def rate(predict: Callable[[Any], Any], batch: Any, seconds: float) -> float:
    """Return images a second."""
    for _ in range(3):
        predict(batch)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        predict(batch)
        done += len(batch)
    return done / (time.perf_counter() - started)


def bare(model: Path, threads: int, seconds: float) -> dict[str, dict[int, float]]:
    """Return images/s of the network alone, by runtime and batch size."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the worker sets it
    from services.classifier.model_file import Options, load_model
    from services.classifier.runtimes import CHOICES, pictures

    runtimes = (
        [choice for choice in CHOICES if choice not in ("auto", "float32")] if model.suffix == ".pt" else ["auto"]
    )
    results: dict[str, dict[int, float]] = {}
    for runtime in runtimes:
        network = load_model(model, Options(threads=threads, runtime=runtime)).network
        network.warm_up()
        results[network.runtime] = {
            size: round(rate(network.predict, pictures(size, network.image_size), seconds), 1) for size in BATCHES
        }
        row = "  ".join(f"{size}: {found:.0f}" for size, found in results[network.runtime].items())
        print(f"  bare network, {network.runtime:22} images/s by batch size  {row}", flush=True)
        network.close()
    return results


def safe_runtimes(model: Path, threads: int) -> set[str]:
    """Return the runtimes that keep the model's results, as the worker finds them at its start."""
    from services.classifier.model_file import Options, load_model

    return {found.runtime for found in load_model(model, Options(threads=threads)).measurements if found.safe}


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
        repository, free = Runs(database), asyncio.Semaphore(16)

        async def add(number: int) -> None:
            run_id = uuid.uuid4().hex
            images = []
            async with free:
                for index in range(crops):
                    data = crop(number * crops + index)
                    sha256 = hashlib.sha256(data).hexdigest()
                    key = object_key_of(run_id, sha256, "image/jpeg")
                    await store.put(key, data, "image/jpeg")
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


def processor_s(pid: int | None) -> float:
    """Return the processor time that a process and all below it have used, seconds."""
    if pid is None:
        return 0.0
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(times.user + times.system for times in (process.cpu_times() for process in family))


async def drain(stack: EmbeddedStack, settings: BackendSettings, runs: int, crops: int) -> dict[str, Any]:
    """Watch the queue being emptied, and return the rate between the 10th and the 90th percent."""
    parts = ("classifier-1", *BACKENDS)

    async with open_database(settings) as database:

        async def until(count: int) -> tuple[float, dict[str, float]]:
            query = {"status": RunStatus.CLASSIFIED.value}
            while await database.runs.count_documents(query) < count:
                await asyncio.sleep(0.02)
            return time.perf_counter(), {part: processor_s(stack.pid(part)) for part in parts}

        started, before = await until(runs // 10)
        ended, after = await until(runs * 9 // 10)
    page = urllib.request.urlopen(f"{stack.urls['classifier-1']}/metrics", timeout=10).read().decode()
    seconds, images = ended - started, (runs * 9 // 10 - runs // 10) * crops
    used = {part: round((after[part] - before[part]) / seconds, 2) for part in parts}
    return {
        "images_per_s": round(images / seconds, 1),
        "seconds": round(seconds, 1),
        "cores_used": used,
        **stages(page),
    }


def stages(page: str) -> dict[str, float]:
    """Return the mean batch, and the mean milliseconds of each stage, from a metrics page."""
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))

    def mean(name: str, labels: str = "") -> float:
        return float(values[f"{name}_sum{labels}"]) / max(1.0, float(values[f"{name}_count{labels}"]))

    names = ("fetch", "decode", "batch_wait", "inference", "write")
    times = {
        f"{name}_ms": round(1000 * mean("krabbel_classifier_stage_seconds", f'{{stage="{name}"}}'), 1) for name in names
    }
    return {"mean_batch": round(mean("krabbel_classifier_batch_images"), 1), **times}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=DEMO_MODEL)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--crops", type=int, default=10)
    parser.add_argument("--threads", type=int, default=0, help="of the network; 0: one per core")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure of the bare network")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    print(f"  {platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    raw = bare(options.model, options.threads, options.seconds)
    extra = {"KRABBEL_MODEL": str(options.model.absolute()), "KRABBEL_THREADS": str(options.threads)}
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as folder:
        with EmbeddedStack(Path(folder), BACKENDS) as stack:
            asyncio.run(fill(_settings(stack), options.runs, options.crops))
        with EmbeddedStack(Path(folder), (*BACKENDS, "classifier"), settings=extra) as stack:
            worker = asyncio.run(drain(stack, _settings(stack), options.runs, options.crops))
    safe = safe_runtimes(options.model, options.threads) or set(raw)
    best = max(found for runtime, by_size in raw.items() if runtime in safe for found in by_size.values())
    servers = sum(cores for part, cores in worker["cores_used"].items() if part != "classifier-1")
    share = (os.cpu_count() or 1) - servers
    fits = best * max(0.0, share) / (os.cpu_count() or 1)
    print(f"  worker on a full queue: {worker['images_per_s']:.0f} images/s, cores used: {worker['cores_used']}")
    print("   ", "  ".join(f"{name}={worker[name]}" for name in worker if name.endswith(("_ms", "_batch"))))
    print(f"  safe for this model (same top-1, at most 0.01 off): {', '.join(sorted(safe))}")
    print(f"  ratio to the best bare figure of these ({best:.0f}): {worker['images_per_s'] / best:.2f}")
    print(
        f"  ratio to what of it fits the cores that the servers left ({fits:.0f}): {worker['images_per_s'] / fits:.2f}"
    )
    if options.out:
        result = {"bare": raw, "worker": worker, "machine": platform.processor(), "cores": os.cpu_count()}
        options.out.write_text(json.dumps(result, indent=2) + "\n")


def _settings(stack: EmbeddedStack) -> BackendSettings:
    names = {name.removeprefix("KRABBEL_").lower(): value for name, value in stack.env.items()}
    return BackendSettings(**{name: names[name] for name in BackendSettings.model_fields if name in names})


if __name__ == "__main__":
    main()
