"""How fast does an event reach everyone who watches: many readers of one live stream, on real servers.

    python -m benchmarks.live --readers 2000 --rate 20 --seconds 15

Starts a mongod of its own and one query process, opens the readers from one other process, and writes runs. Measured is
the time from just before the write (so the commit is included) to the moment at which a reader has the whole event. All
readers count what they get; fifty of them look at the clock.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from krabbel.stack import EmbeddedStack
from krabbel.stack.probes import http_status
from services.chassis.database import open_database
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from tests.support.seeds import a_run

REQUEST = b"GET /api/v1/live HTTP/1.1\r\nHost: bench\r\naccess_token: bench\r\n\r\n"
SENT = re.compile(rb'"received_at":"([^"]+)"')
CLOCKS = 50


class Reader(asyncio.Protocol):
    """One open stream."""

    def __init__(self, latencies: list[float] | None) -> None:
        self.events, self._latencies, self.lost = 0, latencies, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(REQUEST)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.time()
        if not self.events and b"HTTP/1.1 " in data and b"HTTP/1.1 200" not in data:
            raise SystemExit(data.decode(errors="replace"))
        self.events += data.count(b"event: run.")
        if self._latencies is not None:
            for sent in SENT.findall(data):
                self._latencies.append(now - datetime.fromisoformat(sent.decode()).timestamp())

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


def read(port: int, count: int, pipe: Connection) -> None:
    """Open the readers, say so, read until told to stop, and report."""

    async def work() -> None:
        loop, latencies = asyncio.get_running_loop(), []
        readers = []
        for number in range(count):
            timed = latencies if number % max(1, count // CLOCKS) == 0 else None
            _, reader = await loop.create_connection(lambda timed=timed: Reader(timed), "127.0.0.1", port)
            readers.append(reader)
        await asyncio.sleep(2)
        pipe.send("open")
        await asyncio.to_thread(pipe.recv)
        pipe.send((sum(reader.events for reader in readers), sum(reader.lost for reader in readers), latencies))

    import uvloop

    uvloop.run(work())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--rate", type=float, default=20, help="Events a second")
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedStack(Path(folder), ("database",)) as stack:
        port = 18_098
        own = {"KRABBEL_PORT": str(port), "KRABBEL_SERVICE_KEY": "bench", "KRABBEL_LOG_LEVEL": "error"}
        service = subprocess.Popen([sys.executable, "-m", "services.query"], env={**os.environ, **stack.env, **own})
        try:
            while http_status(port, "/healthz") != 200:
                time.sleep(0.2)
            for count in arguments.readers:
                here, there = multiprocessing.Pipe()
                process = multiprocessing.get_context("spawn").Process(target=read, args=(port, count, there))
                process.start()
                assert here.recv() == "open"
                before = cpu_s(service.pid)
                total = int(arguments.rate * arguments.seconds)
                asyncio.run(
                    _write(
                        stack.env["KRABBEL_MONGO_URL"],
                        stack.env.get("KRABBEL_MONGO_DATABASE", "krabbel"),
                        total,
                        arguments.rate,
                    )
                )
                time.sleep(2)
                used = cpu_s(service.pid) - before
                here.send("stop")
                events, lost, latencies = here.recv()
                process.join(30)
                latencies.sort()
                p50, p95, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.95, 0.99))
                print(
                    f"{count:5} readers, {total} events: {events} of {count * total} received, {lost} cut; "
                    f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms; the service's CPU "
                    f"{used / arguments.seconds * 100:.0f} %",
                    flush=True,
                )
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(30)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _write(url: str, name: str, total: int, rate: float) -> None:
    async with open_database(BackendSettings(mongo_url=url, mongo_database=name)) as database:
        runs, started = Runs(database), time.monotonic()
        for number in range(total):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            now = datetime.now(UTC)
            await runs.receive(a_run(time.monotonic_ns(), at=now))


if __name__ == "__main__":
    main()
