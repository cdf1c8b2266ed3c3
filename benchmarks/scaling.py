"""Do twice as many workers classify twice as many runs? Real servers and worker processes, a stand-in for the network.

    python -m benchmarks.scaling [--workers 1 2 4 8] [--image-ms 50] [--seconds 12] [--crops 10]

Eight workers that compute do not fit two cores. So the network sleeps a fixed time for each image
(_slow_classifier.py), as one that runs on a device of its own; all else is the real worker. The latency must leave the
processor idle, else the machine is measured and not the system: the processor's use stands beside each figure.

The queue is filled first. Then workers join those that already work, and so many runs are counted for some seconds
while the queue is never empty. Workers hold few runs at a time (KRABBEL_PREFETCH), so that all have some.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from benchmarks._runs import fill
from benchmarks._slow_classifier import LATENCY
from krabbel.stack import BACKENDS, EmbeddedStack
from krabbel.stack.probes import http_status
from krabbel.stack.spec import ProcessSpec
from proto.run import RunStatus
from services.chassis.database import open_database
from services.chassis.settings import BackendSettings

PREFETCH = 8
SETTLE_S = 2.0
START_S = 12.0
"""Longest start of the workers that join, for which the queue is filled"""


def worker(stack: EmbeddedStack, number: int, image_ms: float) -> ProcessSpec:
    """Return one worker, with the settings that the stack gives its own."""
    name = f"classifier-{number}"
    port = stack.port(name)
    own = {
        "KRABBEL_HOST": "127.0.0.1",
        "KRABBEL_PORT": str(port),
        "KRABBEL_PREFETCH": str(PREFETCH),
        "KRABBEL_LOG_FORMAT": "json",
        "PYTHONPATH": os.pathsep.join((str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))),
        LATENCY: str(image_ms),
    }
    return ProcessSpec(
        name=name,
        command=[sys.executable, "-m", "benchmarks._slow_classifier"],
        env={**stack.env, **stack.own_settings("classifier"), **own},
        ready=lambda: http_status(port, "/readyz") == 200,
        ports={"http": port},
        start_timeout_s=90,
        grace_s=25,
    )


async def classified(settings: BackendSettings, seconds: float) -> tuple[float, float, int]:
    """Count for some seconds; return runs/s, the processor's use in percent, and the runs that still wait."""
    async with open_database(settings) as database:

        async def count() -> tuple[int, float]:
            done = int(await database.runs.count_documents({"status": RunStatus.CLASSIFIED.value}))
            return done, time.perf_counter()

        (before, started), _ = await count(), psutil.cpu_percent()
        await asyncio.sleep(seconds)
        (after, ended), used = await count(), psutil.cpu_percent()
        left = int(await database.runs.count_documents({"status": {"$ne": RunStatus.CLASSIFIED.value}}))
    return (after - before) / (ended - started), used, left


async def shares(settings: BackendSettings) -> Counter[str]:
    """Return how many runs ended in which status."""
    async with open_database(settings) as database:
        found = await database.runs.aggregate([{"$group": {"_id": "$status", "n": {"$sum": 1}}}]).to_list(None)
    return Counter({row["_id"]: row["n"] for row in found})


def main() -> None:
    """Measure each number of workers, and print its share of linear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8], help="rising")
    parser.add_argument("--image-ms", type=float, default=50.0, help="of the stand-in, for each image")
    parser.add_argument("--seconds", type=float, default=12.0, help="of counting, for each figure")
    parser.add_argument("--crops", type=int, default=10)
    options = parser.parse_args()
    ideal = 1000 / options.image_ms / options.crops
    runs = int(ideal * sum(options.workers) * (options.seconds + SETTLE_S + START_S)) + options.workers[-1] * PREFETCH
    print(f"  {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"  {options.image_ms:g} ms an image, {options.crops} a run: at most {ideal:.2f} runs/s a worker", flush=True)
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as folder, EmbeddedStack(Path(folder), BACKENDS) as stack:
        settings = BackendSettings.from_env(stack.env)
        asyncio.run(fill(settings, runs, options.crops))
        running, one = 0, 0.0
        for count in options.workers:
            names = [f"classifier-{number}" for number in range(running + 1, count + 1)]
            for number in range(running + 1, count + 1):
                stack.add(worker(stack, number, options.image_ms))
            for name in names:
                stack.wait_until_up(name, 90)
            running = count
            time.sleep(SETTLE_S)
            found, used, left = asyncio.run(classified(settings, options.seconds))
            one = one or found / count
            print(
                f"  {count} workers: {found:6.2f} runs/s, {found * options.crops:6.1f} images/s, share of linear "
                f"{found / one / count:.2f}, of the ideal {found / ideal / count:.2f}; processor {used:.0f} %, "
                f"load {os.getloadavg()[0]:.1f}, {left} runs wait",
                flush=True,
            )
            if left < count * PREFETCH:
                print("    the queue ran empty: this figure does not count", flush=True)
        print(f"  runs by status: {dict(asyncio.run(shares(settings)))}")


if __name__ == "__main__":
    main()
