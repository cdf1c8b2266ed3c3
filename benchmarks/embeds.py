"""What embeds cost: many readers open one at once, and visitors arrive, on real servers.

    python -m benchmarks.embeds --readers 500 --rate 2 --seconds 15

Starts a mongod of its own and one query process. Each reader does what the page does: page, style, two scripts, the
JSON, then the stream (no picture: those are cached by browsers and proxies). Then runs are received and classified.
Printed: how long all readers took to open, what the service's processor and memory did, and the time from just before
the verdict's write to the reader.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks._query_service import query_service
from benchmarks.live import cpu_s
from services.chassis.database import open_database
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from tests.support.seeds import a_run, a_verdict

PORT = 18_099
FILES = ("counter?lang=de", "embed.css", "embed.js", "charts.js", "data.json")


class Reader(asyncio.Protocol):
    """One open page: its files one after the other on one connection, then the stream."""

    def __init__(self, shared: "Shared") -> None:
        self._shared, self._left = shared, [*FILES, "live"]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._transport.write(b"GET /embed/%s HTTP/1.1\r\nHost: bench\r\n\r\n" % self._left.pop(0).encode())  # type: ignore[attr-defined]
        self._wanted = self._seen = 0

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._shared.bytes += len(data)
        if not self._left:
            if b"text/event-stream" in data:
                self._shared.open += 1
            self._shared.visits += data.count(b"event: visit")
            self._shared.days += data.count(b"event: day")
            if b"event: visit" in data:
                self._shared.latencies.append(now - self._shared.written_at)
            return
        if not self._wanted:
            head, _, _ = data.partition(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n")[0], head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            self._wanted = len(head) + 4 + int(length.partition(b":")[2])
        self._seen += len(data)
        if self._seen >= self._wanted:
            self._ask()


class Shared:
    """What all readers have seen."""

    def __init__(self) -> None:
        self.open = self.visits = self.days = self.bytes = 0
        self.latencies: list[float] = []
        self.written_at = 0.0


def memory_mb(pid: int) -> int:
    """Return a process's resident memory."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) // 1024


async def measure(pid: int, url: str, name: str, readers: int, rate: float, seconds: float) -> None:
    """Open the readers, classify runs, and print a line."""
    loop, shared = asyncio.get_running_loop(), Shared()
    async with open_database(BackendSettings(mongo_url=url, mongo_database=name)) as database:
        runs = Runs(database)
        before, memory, started = cpu_s(pid), memory_mb(pid), time.perf_counter()
        await asyncio.gather(
            *(loop.create_connection(lambda: Reader(shared), "127.0.0.1", PORT) for _ in range(readers))
        )
        while shared.open < readers:
            await asyncio.sleep(0.01)
        opened, opening = time.perf_counter() - started, cpu_s(pid) - before
        await asyncio.sleep(2)
        before, total, started, sent = cpu_s(pid), int(rate * seconds), time.monotonic(), shared.bytes
        for number in range(total):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            run = a_run(time.monotonic_ns(), at=datetime.now(UTC))
            await runs.receive(run)
            shared.written_at = time.time()
            await runs.complete(a_verdict(run, "bee"))
        await asyncio.sleep(2)
        used = (cpu_s(pid) - before) / (time.monotonic() - started)
        lates = sorted(shared.latencies) or [float("nan")]
        p50, p99 = (lates[int(len(lates) * share)] * 1000 for share in (0.5, 0.99))
        print(
            f"{readers:5} readers opened in {opened:.2f} s with {opening:.2f} s of the service's processor; then "
            f"{total} visits: {shared.visits} of {total * readers} told, p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
            f"{shared.days} day messages, {(shared.bytes - sent) / readers / seconds / 1000:.1f} kB/s a reader; "
            f"the service's CPU {used * 100:.1f} %, memory {memory} -> {memory_mb(pid)} MB",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 500, 2000])
    parser.add_argument("--rate", type=float, default=2, help="Visits a second")
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    with query_service(PORT) as service:
        for readers in given.readers:
            asyncio.run(measure(service.pid, service.mongo_url, service.database, readers, given.rate, given.seconds))


if __name__ == "__main__":
    main()
