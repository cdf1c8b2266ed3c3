"""How many runs and images a second did the predecessor classify, and how many does Krabbel, on the same machine?

    python -m benchmarks.predecessor [--seconds 8] [--traps 4] [--rows 0 50000] [--network demo]

Both get the same runs (10 crops of 12 kB, by the deployed traps' request, from the same sender) and the same network:
the demo model as ONNX, or an untrained EfficientNet-B0 (the size of the model in use). The predecessor is re-created
from what is known of it (_predecessor.py). Krabbel is the real stack with one ingest and one classifier. Measured from
the first upload until the last run is classified, which for the predecessor is its answer.
"""

import argparse
import asyncio
import os
import platform
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import _predecessor
from benchmarks._networks import exported
from benchmarks.ingest import CROPS, Trap, crop, fill
from krabbel.stack import BACKENDS, EmbeddedStack
from krabbel.stack.probes import answers_tcp
from services.chassis.database import open_database
from services.chassis.settings import BackendSettings

WARM_UP_S = 2.0


async def upload(port: int, key: str, traps: int, seconds: float) -> int:
    """Let traps upload, each one run after the other; return how many runs were taken."""
    crops = [crop(number) for number in range(CROPS)]
    senders = [Trap(port, key, crops) for _ in range(traps)]
    deadline = time.perf_counter() + seconds
    await asyncio.gather(*(sender.send_until(deadline) for sender in senders))
    refused = sum(sender.refused for sender in senders)
    if refused:
        raise SystemExit(f"{refused} uploads were refused; see the services' output")
    return sum(len(sender.latencies) for sender in senders)


def tell(name: str, rows: int, runs: int, images: int, seconds: float) -> tuple[float, float]:
    """Print one line; return runs and images a second."""
    print(
        f"  {name:11} {rows:7,} stored: {runs / seconds:6.2f} runs/s, {images / seconds:7.1f} images classified/s "
        f"({runs} runs in {seconds:.1f} s, load {os.getloadavg()[0]:.1f}, processor {psutil.cpu_percent():.0f} %)",
        flush=True,
    )
    return runs / seconds, images / seconds


def old(rows: int, model: Path, traps: int, seconds: float) -> tuple[float, float]:
    """Measure the predecessor's way with so many rows in its table."""
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as name:
        folder = Path(name)
        _predecessor.write_table(folder, rows)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "benchmarks._predecessor", str(port), name, str(model)]
        process = subprocess.Popen(command)
        try:
            while not answers_tcp(port):
                if process.poll() is not None:
                    raise SystemExit("the predecessor ended by itself")
                time.sleep(0.1)
            asyncio.run(upload(port, "bench", traps, WARM_UP_S))
            before = _count(folder)
            psutil.cpu_percent()  # what it says next is since now
            started = time.perf_counter()
            runs = asyncio.run(upload(port, "bench", traps, seconds))
            took = time.perf_counter() - started
            return tell("predecessor", rows, runs, _count(folder) - before, took)
        finally:
            process.terminate()
            process.wait(20)


def _count(folder: Path) -> int:
    return int((folder / _predecessor.CLASSIFIED).read_text())


async def new(stack: EmbeddedStack, rows: int, traps: int, seconds: float) -> tuple[float, float]:
    """Measure Krabbel with so many runs in the database."""
    settings = BackendSettings.from_env(stack.env)
    port, key = int(stack.urls["ingest"].rpartition(":")[2]), stack.env["KRABBEL_API_KEY"]
    async with open_database(settings) as database:
        missing = rows - await database.runs.count_documents({})
        if missing > 0:
            random.seed(rows)
            await fill(settings, missing)

        async def verdicts() -> int:
            return int(await database.classifications.count_documents({}))

        async def until(count: int) -> None:
            while await verdicts() < count:
                await asyncio.sleep(0.05)

        await until(await verdicts() + await upload(port, key, traps, WARM_UP_S))
        before, images_before = await verdicts(), await _images(database.classifications)
        psutil.cpu_percent()  # what it says next is since now
        started = time.perf_counter()
        runs = await upload(port, key, traps, seconds)
        uploaded = time.perf_counter() - started
        await until(before + runs)
        took = time.perf_counter() - started
        images = await _images(database.classifications) - images_before
    found = tell("krabbel", rows, runs, images, took)
    print(f"              (accepted meanwhile: {runs / uploaded:.1f} runs/s)", flush=True)
    return found


async def _images(classifications: object) -> int:
    """Return how many images have been classified (those that could be read)."""
    pipeline = [{"$unwind": "$images"}, {"$match": {"images.error": None}}, {"$count": "n"}]
    counted = await classifications.aggregate(pipeline).to_list(None)  # type: ignore[attr-defined]
    return int(counted[0]["n"]) if counted else 0


def main() -> None:
    """Measure both ways, and print them beside each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of uploading, for each figure")
    parser.add_argument("--traps", type=int, default=4)
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 50_000], help="stored runs, rising")
    parser.add_argument("--network", choices=["demo", "efficientnet-b0"], default="demo")
    options = parser.parse_args()
    print(f"  {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.traps} traps")
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as name:
        folder = Path(name)
        model = folder / f"{options.network}.onnx"
        model.write_bytes(exported(options.network))
        before = [old(rows, model, options.traps, options.seconds) for rows in options.rows]
        extra = {"KRABBEL_MODEL": str(model)}
        with EmbeddedStack(folder / "stack", (*BACKENDS, "ingest", "classifier"), settings=extra) as stack:
            after = [asyncio.run(new(stack, rows, options.traps, options.seconds)) for rows in options.rows]
    for rows, (runs_before, images_before), (runs_after, images_after) in zip(options.rows, before, after, strict=True):
        print(
            f"  at {rows:,} stored runs: {runs_after / runs_before:.2f} times the runs, "
            f"{images_after / images_before:.1f} times the images"
        )


if __name__ == "__main__":
    main()
