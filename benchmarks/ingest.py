"""How many runs a second does ingest take, and how fast are they in the stores?

    python -m benchmarks.ingest [--seconds 10] [--traps 1 4 16 64] [--fill 1000000] [--data FOLDER [--only-fill]]

Starts the real servers and one ingest process, and sends runs of 10 crops of 12 kB by plain sockets from one other
process, as the deployed traps do (`POST /classify/<track>`, one connection per upload). Beside it, right before
and right after each: the raw limit of the object store (puts of 12 kB through the same client and loop); the better one
counts.

Two figures count: *accepted* (answered with success: durable in the spool) and *stored* (image, document, job: all
uploads by the time until the spool is empty again). With `--fill` all is measured again with so many runs in the
database; `--data FOLDER --only-fill` does that part beforehand, and `--data FOLDER` measures on it. Processor time is
that of all processes, by name.
"""

import argparse
import asyncio
import io
import json
import random
import statistics
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import uvloop
from PIL import Image

from krabbel.stack import BACKENDS, EmbeddedStack
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun
from services.chassis.database import open_database
from services.chassis.object_store import open_object_store
from services.chassis.runs import to_document
from services.chassis.settings import BackendSettings

CROPS, CROP_BYTES = 10, 12_000


def crop(seed: int) -> bytes:
    """Return a JPEG of about 12 kB; the bytes behind its end make it unlike all others."""
    buffer = io.BytesIO()
    Image.effect_noise((128, 128), 70).convert("RGB").save(buffer, "JPEG", quality=88)
    data = buffer.getvalue()
    return data + random.Random(seed).randbytes(max(16, CROP_BYTES - len(data)))


class Trap:
    """Sends one run after the other."""

    def __init__(self, port: int, key: str, crops: list[bytes]) -> None:
        self._port, self._key, self._crops = port, key, crops
        self.latencies: list[float] = []
        self.refused = 0

    def _request(self, number: int) -> bytes:
        start = datetime.now(UTC).replace(tzinfo=None)
        body = bytearray()
        fields = {"start_date": str(start), "end_date": str(start + timedelta(seconds=9)), "duration_s": "9"}
        for name, value in fields.items():
            body += f'--b0\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for index, data in enumerate(self._crops):
            head = f'--b0\r\nContent-Disposition: form-data; name="files"; filename="{index}_crop.jpg"\r\n\r\n'
            body += head.encode() + data[:-8] + random.randbytes(8) + b"\r\n"
        body += b"--b0--\r\n"
        head = (
            f"POST /classify/{number} HTTP/1.1\r\nHost: 127.0.0.1\r\naccess_token: {self._key}\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary=b0\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + bytes(body)

    async def send_until(self, deadline: float) -> None:
        number = 0
        while time.perf_counter() < deadline:
            request = self._request(number)
            started = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(request)
            answer = await reader.read(200)
            writer.close()
            if answer.startswith(b"HTTP/1.1 200"):
                self.latencies.append(time.perf_counter() - started)
            else:
                self.refused += 1
            number += 1


def processor_s() -> dict[str, float]:
    """Return the processor time that this process and each of the stack's have used, seconds, by name."""
    used: dict[str, float] = {}
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.Error):
            times, name = process.cpu_times(), process.name()
            if name.startswith("python"):
                name = "load" if process == me else "ingest" if "services.ingest" in process.cmdline() else "guards"
            used[name] = used.get(name, 0.0) + times.user + times.system
    return used


async def measure(port: int, key: str, traps: int, seconds: float, spool: Path) -> dict[str, Any]:
    """Upload for some seconds, then wait until the spool is empty."""
    crops = [crop(number) for number in range(CROPS)]
    senders = [Trap(port, key, crops) for _ in range(traps)]
    started = time.perf_counter()
    await asyncio.gather(*(sender.send_until(started + seconds) for sender in senders))
    uploading = time.perf_counter() - started
    left = len(list(spool.glob("*.run")))
    while any(spool.glob("*.run")):
        await asyncio.sleep(0.02)
    draining = time.perf_counter() - started
    latencies = sorted(latency for sender in senders for latency in sender.latencies)
    count = len(latencies)
    cuts = statistics.quantiles(latencies, n=100) if count > 1 else [0.0] * 99
    return {
        "traps": traps,
        "runs": count,
        "accepted_per_s": round(count / uploading, 1),
        "stored_per_s": round(count / draining, 1),
        "stored_while_uploading_per_s": round((count - left) / uploading, 1),
        "p50_ms": round(cuts[49] * 1000, 1),
        "p95_ms": round(cuts[94] * 1000, 1),
        "p99_ms": round(cuts[98] * 1000, 1),
        "refused": sum(sender.refused for sender in senders),
    }


async def raw_puts(settings: BackendSettings, seconds: float, at_once: int = 16) -> float:
    """Return the puts of 12 kB a second that the store takes from the client that ingest uses."""
    done = 0
    data = crop(0)
    async with open_object_store(settings) as store:
        await store.ensure_bucket()
        deadline = time.perf_counter() + seconds

        async def put(worker: int) -> None:
            nonlocal done
            number = 0
            while time.perf_counter() < deadline:
                await store.put(f"raw/{worker}-{number}-{time.time_ns()}", data, "image/jpeg")
                number += 1
                done += 1

        await asyncio.gather(*(put(worker) for worker in range(at_once)))
    return done / seconds


async def fill(settings: BackendSettings, runs: int) -> None:
    """Put so many classified runs of three years into the database."""
    rng = random.Random(1)
    start = datetime(2023, 4, 1, 6, tzinfo=UTC)
    async with open_database(settings) as database:
        await database.ensure_indexes()
        batch: list[dict[str, Any]] = []
        for _ in range(runs):
            moment = start + timedelta(seconds=rng.randrange(3 * 365 * 86400))
            run_id, sha = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(256):064x}"
            image = ImageReference.model_construct(
                sha256=sha, object_key=f"runs/{run_id}/{sha}.jpg", file_name="c.jpg", content_type="image/jpeg",
                byte_size=CROP_BYTES, width=128, height=128,
            )  # fmt: skip
            run = TrackingRun.model_construct(
                run_id=run_id, camera_id=f"camera-{rng.randrange(20)}", tracking_id="1", source=RunSource.API,
                started_at=moment, ended_at=moment, duration_s=9.0, received_at=moment, sort_at=moment,
                local_date=moment.date(), local_hour=moment.hour, status=RunStatus.CLASSIFIED, images=(image,) * 3,
            )  # fmt: skip
            batch.append(to_document(run))
            if len(batch) == 5000:
                await database.runs.insert_many(batch, ordered=False)
                batch = []
        if batch:
            await database.runs.insert_many(batch, ordered=False)


async def stored(settings: BackendSettings) -> int:
    """Return the number of runs in the database."""
    async with open_database(settings) as database:
        return int(await database.runs.estimated_document_count())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--traps", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--fill", type=int, default=0, help="measure again with so many runs in the database")
    parser.add_argument("--data", type=Path, help="folder of the servers' data, kept; else a new one, removed")
    parser.add_argument("--only-fill", action="store_true", help="only fill the database")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="krabbel-bench-") as folder,
        EmbeddedStack(options.data or Path(folder), (*BACKENDS, "ingest")) as stack,
    ):
        names = {name.removeprefix("KRABBEL_").lower(): value for name, value in stack.env.items()}
        settings = BackendSettings(**{name: names[name] for name in BackendSettings.model_fields if name in names})
        port, key = int(stack.urls["ingest"].rpartition(":")[2]), stack.env["KRABBEL_API_KEY"]
        spool = Path(stack.env["KRABBEL_SPOOL_DIR"]) / "ready"

        def series(name: str) -> None:
            def raw_now() -> float:
                return uvloop.run(raw_puts(settings, options.seconds))  # the loop that ingest runs on

            raw = raw_now()
            results[name] = {"runs": []}
            for traps in options.traps:
                before = processor_s()
                row = asyncio.run(measure(port, key, traps, options.seconds, spool))
                count = max(1, row.pop("runs"))
                row["processor_ms_per_run"] = {
                    name: round(1000 * (used - before.get(name, 0.0)) / count, 1)
                    for name, used in processor_s().items()
                    if used - before.get(name, 0.0) > 0.1
                }
                before_it, raw = raw, raw_now()
                row["raw_puts_per_s"] = (round(before_it), round(raw))
                row["stored_share_of_raw"] = round(row["stored_per_s"] * CROPS / max(before_it, raw), 2)
                results[name]["runs"].append(row)
                print(f"{name}  " + "  ".join(f"{field}={value}" for field, value in row.items()), flush=True)

        if not options.only_fill:
            series(f"{asyncio.run(stored(settings))} runs")
        if options.fill:
            asyncio.run(fill(settings, options.fill))
            if not options.only_fill:
                series(f"{asyncio.run(stored(settings))} runs")
    if options.out:
        options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
