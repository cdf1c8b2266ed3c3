"""How fast does an event reach everyone who watches: many readers of one live stream, on real servers.

    python -m benchmarks.live --readers 2000 --rate 20 --seconds 15

Starts a mongod of its own and one query process, opens the readers from one other process, and writes runs. Measured is
the time from just before the write (so the commit is included) to the moment at which a reader has the whole event, for
every event at every reader.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import re
import select
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks._query_service import query_service
from services.chassis.database import open_database
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from tests.support.seeds import a_run

PORT = 18_098

REQUEST = b"GET %s HTTP/1.1\r\nHost: bench\r\naccess_token: bench\r\n\r\n"
SENT = re.compile(rb'"received_at":"([^"]+)"')
"""Stands once in each event. Pieces are read faster than they are cut, so none is torn; the count would show it."""


class Readers:
    """Many open streams, read by one loop without a framework: the readers share the cores with what is measured."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self.latencies: list[float] = []
        self.events = self.lost = 0
        self._moments: dict[bytes, float] = {}
        self._buffer = bytearray(256 * 1024)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(REQUEST % path.encode())
            first = one.recv(65_536)
            if b"HTTP/1.1 200" not in first:
                raise SystemExit(first.decode(errors="replace"))
            one.setblocking(False)
            self._sockets[one.fileno()] = one
            self._poll.register(one, select.EPOLLIN)

    def read_until(self, stop: Callable[[], bool]) -> None:
        """Read whatever comes, and look at the clock after each piece."""
        buffer, view, sockets = self._buffer, memoryview(self._buffer), self._sockets
        while not stop():
            for number, _ in self._poll.poll(0.2, 4096):
                size = sockets[number].recv_into(buffer)
                now = time.time()
                if not size:
                    self.lost += 1
                    self._poll.unregister(number)
                    continue
                for sent in SENT.findall(view[:size]):
                    self.events += 1
                    self.latencies.append(now - self._moment(sent))

    def _moment(self, sent: bytes) -> float:
        """Return the moment in an event; each is parsed once."""
        if sent not in self._moments:
            self._moments[sent] = datetime.fromisoformat(sent.decode()).timestamp()
        return self._moments[sent]


def read(port: int, path: str, count: int, pipe: Connection) -> None:
    """Open the readers, say so, read until told to stop, and report."""
    gc.disable()
    readers = Readers(port, path, count)
    pipe.send("open")
    readers.read_until(pipe.poll)
    latencies = sorted(readers.latencies) or [float("nan")]
    shares = [latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.95, 0.99)]
    pipe.send((readers.events, readers.lost, shares))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--rate", type=float, default=20, help="Events a second")
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    with query_service(PORT) as service:
        for count in arguments.readers:
            here, there = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(
                target=read, args=(PORT, "/api/v1/live", count, there)
            )
            process.start()
            assert here.recv() == "open"
            before = cpu_s(service.pid)
            total = int(arguments.rate * arguments.seconds)
            asyncio.run(
                _write(
                    service.mongo_url,
                    service.database,
                    total,
                    arguments.rate,
                )
            )
            time.sleep(2)
            used = cpu_s(service.pid) - before
            here.send("stop")
            events, lost, (p50, p95, p99) = here.recv()
            process.join(30)
            print(
                f"{count:5} readers, {total} events: {events} of {count * total} received, {lost} cut; "
                f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms; the service's CPU "
                f"{used / arguments.seconds * 100:.0f} %",
                flush=True,
            )


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
