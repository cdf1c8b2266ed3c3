"""How long from the upload of a run until a reader of the live stream has its verdict, at half of what is sustainable?

    python -m benchmarks.latency [--seconds 20] [--probe 8] [--crops 10] [--rate R]

Starts the real system (servers, ingest, classifier, query, proxy). First some traps upload as fast as they can, and the
runs by the time until the last is classified are the sustainable rate. Then runs are uploaded at half of it, at
moments that do not wait for answers (a slow system is not spared), through the public address, while one reader
follows /api/v1/live there. Measured from the beginning of the upload to the event ``run.classified``.
"""

import argparse
import asyncio
import os
import platform
import random
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from benchmarks.ingest import crop
from krabbel.simulator.pictures import Shot
from krabbel.simulator.trap import Trap, Upload
from krabbel.simulator.watch import Watcher
from krabbel.stack import BACKENDS, EmbeddedStack

SERVICES = (*BACKENDS, "ingest", "classifier", "query", "proxy")
PROBING_TRAPS = 8
PATIENCE_S = 90.0


class Sender:
    """Uploads runs of fresh pictures, and keeps what came of each."""

    def __init__(self, session: aiohttp.ClientSession, trap: Trap, crops: int) -> None:
        self._session, self._trap = session, trap
        self._crops = [crop(number) for number in range(crops)]

    async def send(self) -> Upload:
        """Upload one run; no two have the same pictures."""
        shots = [Shot(data[:-8] + random.randbytes(8), ".jpg", None) for data in self._crops]
        return await self._trap.send(self._session, shots)

    async def as_fast_as_possible(self, seconds: float) -> list[Upload]:
        """Upload for some seconds, with several traps."""
        uploads: list[Upload] = []
        deadline = time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < deadline:
                uploads.append(await self.send())

        await asyncio.gather(*(one() for _ in range(PROBING_TRAPS)))
        return uploads

    async def at(self, rate: float, seconds: float) -> list[Upload]:
        """Upload at this rate, whether or not the earlier ones have been answered."""
        started, tasks = time.monotonic(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            tasks.append(asyncio.create_task(self.send()))
        return list(await asyncio.gather(*tasks))


def line(name: str, seconds: list[float]) -> str:
    """Return the percentiles of some durations in words."""
    cuts = statistics.quantiles(seconds, n=100)
    p50, p95, p99 = (cuts[at] * 1000 for at in (49, 94, 98))
    return f"  {name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"


async def all_events(watcher: Watcher, uploads: list[Upload]) -> list[float]:
    """Return each run's time from the beginning of its upload to its event.

    Raises:
        SystemExit: one was refused, failed or never came.
    """
    refused = [upload for upload in uploads if not upload.accepted]
    if refused:
        raise SystemExit(f"{len(refused)} uploads were refused: {refused[0].status} {refused[0].detail}")
    ids = {str(upload.run_id) for upload in uploads}
    if not await watcher.all_done(ids, PATIENCE_S) or ids & watcher.failed:
        raise SystemExit(f"{len(ids - watcher.classified.keys())} of {len(ids)} runs were not classified")
    return [watcher.classified[str(upload.run_id)] - upload.started for upload in uploads]


async def measure(stack: EmbeddedStack, options: argparse.Namespace) -> None:
    """Find the rate, then measure at half of it."""
    base = stack.urls["public"]
    watcher = Watcher(base, stack.env["KRABBEL_SERVICE_KEY"])
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        follow = asyncio.create_task(watcher.follow())
        try:
            if not await watcher.connected(30):
                raise SystemExit("the live stream did not open")
            sender = Sender(session, Trap(base, None, stack.env["KRABBEL_API_KEY"]), options.crops)
            await all_events(watcher, await sender.at(2.0, 4.0))  # everything is warm now
            rate = options.rate
            if rate is None:
                started = time.monotonic()
                uploads = await sender.as_fast_as_possible(options.probe)
                uploading = time.monotonic() - started
                await all_events(watcher, uploads)
                took = time.monotonic() - started
                sustainable = len(uploads) / took
                rate = sustainable / 2
                print(
                    f"  sustainable: {sustainable:.1f} runs/s ({len(uploads)} runs classified in {took:.1f} s; "
                    f"accepted at {len(uploads) / uploading:.1f}/s)",
                    flush=True,
                )
                await asyncio.sleep(3)  # previews of the rush are made when live runs cease
            psutil.cpu_percent()  # what it says next is since now
            uploads = await sender.at(rate, options.seconds)
            used = psutil.cpu_percent()
            events = await all_events(watcher, uploads)
        finally:
            follow.cancel()
    print(f"  {len(uploads)} runs at {rate:.1f}/s, processor {used:.0f} %, load {os.getloadavg()[0]:.1f}")
    print(line("answered", [upload.seconds for upload in uploads]))
    print(line("live event", events))
    half = len(events) // 2
    print(line("live event, second half only (it would grow if the rate could not be kept)", events[half:]))


def main() -> None:
    """Start the system, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--probe", type=float, default=8.0, help="seconds of uploading to find the sustainable rate")
    parser.add_argument("--crops", type=int, default=10)
    parser.add_argument("--rate", type=float, help="runs/s, instead of half of the sustainable rate")
    options = parser.parse_args()
    print(f"  {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as name, EmbeddedStack(Path(name), SERVICES) as stack:
        asyncio.run(measure(stack, options))


if __name__ == "__main__":
    main()
