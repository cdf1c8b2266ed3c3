"""A query service for benchmarks: a process of its own before a database of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from krabbel.stack import EmbeddedStack
from krabbel.stack.probes import http_status


@dataclass(frozen=True, slots=True)
class QueryService:
    """The running service."""

    pid: int
    mongo_url: str
    database: str


@contextmanager
def query_service(port: int) -> Iterator[QueryService]:
    """Run the service and what it needs; the key is ``bench``."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedStack(Path(folder), ("database",)) as stack:
        own = {"KRABBEL_PORT": str(port), "KRABBEL_SERVICE_KEY": "bench", "KRABBEL_LOG_LEVEL": "error"}
        process = subprocess.Popen([sys.executable, "-m", "services.query"], env={**os.environ, **stack.env, **own})
        try:
            while http_status(port, "/healthz") != 200:
                time.sleep(0.2)
            name = stack.env.get("KRABBEL_MONGO_DATABASE", "krabbel")
            yield QueryService(process.pid, stack.env["KRABBEL_MONGO_URL"], name)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
