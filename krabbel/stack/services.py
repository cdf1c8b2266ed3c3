"""Krabbel's own services as processes of this Python, and the settings that all of them share."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from krabbel.stack.folder import DataFolder
from krabbel.stack.ports import Ports
from krabbel.stack.probes import http_status, readiness_trouble
from krabbel.stack.spec import ProcessSpec

SERVICES = ("ingest", "query", "dashboard", "classifier", "proxy")
ROOT = Path(__file__).resolve().parents[2]
DEMO_MODEL = ROOT / "models" / "demo" / "krabbel-demo-yolov5n-cls.pt"
# torch and Panel load from a cold disk; everything else is there in seconds.
START_TIMEOUT_S = 150.0


def http_services(services: Sequence[str], workers: int) -> list[str]:
    """Return the names of the processes: each classifier worker is one of its own."""
    names = [name for name in services if name in ("ingest", "query", "dashboard")]
    if "classifier" in services:
        names += [f"classifier-{number}" for number in range(1, workers + 1)]
    return names


def threads_per_worker(workers: int) -> int:
    """Return how many threads each worker's network gets: one core stays for fetching, decoding and the servers."""
    return max(1, ((os.cpu_count() or 1) - 1) // max(1, workers))


def shared_settings(folder: DataFolder, ports: Ports, public_url: str, workers: int) -> dict[str, str]:
    """Return the settings that the services have in common, besides the addresses of the servers."""
    return {
        "KRABBEL_PUBLIC_URL": public_url,
        "KRABBEL_QUERY_URL": f"http://127.0.0.1:{ports.get('query')}",
        "KRABBEL_INGEST_URL": f"http://127.0.0.1:{ports.get('ingest')}",
        "KRABBEL_SPOOL_DIR": str(folder.make("spool")),
        "KRABBEL_MODEL": str(DEMO_MODEL),
        "KRABBEL_DEVICE": "auto",
        "KRABBEL_THREADS": str(threads_per_worker(workers)),
    }


def service_specs(
    names: Sequence[str],
    env: dict[str, str],
    ports: Ports,
    uses: tuple[str, ...],
    own: Mapping[str, Mapping[str, str]],
) -> list[ProcessSpec]:
    """Return one spec per process.

    They start beside the servers, not after them: loading Python's packages takes longer than the servers need, and the
    services wait for their servers by themselves. ``uses`` are the servers, which end only after the services; ``own``
    are settings of single processes.
    """
    return [_service(name, env | dict(own.get(name, {})), ports.get(name), uses) for name in names]


def _service(name: str, env: dict[str, str], port: int, uses: tuple[str, ...]) -> ProcessSpec:
    module = "services." + name.partition("-")[0]
    return ProcessSpec(
        name=name,
        command=[sys.executable, "-m", module],
        env={
            **env,
            "KRABBEL_HOST": "127.0.0.1",
            "KRABBEL_PORT": str(port),
            "KRABBEL_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
        },
        ready=lambda: http_status(port, "/readyz") == 200,
        complaint=lambda: f"({readiness_trouble(port)})",
        ports={"http": port},
        uses=(*uses, "query") if name == "dashboard" else uses,
        start_timeout_s=START_TIMEOUT_S,
        grace_s=25,
    )
