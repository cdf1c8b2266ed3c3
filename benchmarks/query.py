"""How fast reads stay: lists, statistics and the day page at 10 000, 100 000 and 1 000 000 runs, on real servers.

    python -m benchmarks.query                       # all three sizes; the largest takes some minutes to write
    python -m benchmarks.query --runs 10000 --requests 100
    python -m benchmarks.query --folder /tmp/runs    # writes them once; the next call finds them there

Starts a mongod of its own, writes seeded runs directly (ten cameras, one year), starts ``python -m services.query`` and
asks it over HTTP, one request at a time, each with other days, cameras and classes. Beside it: the predecessor's way,
which reads the whole table for every request.
"""

import argparse
import asyncio
import csv
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import orjson
import pandas

from krabbel.stack import EmbeddedStack
from krabbel.stack.probes import http_status
from proto.taxonomy import taxonomy
from services.chassis.completion import effective
from services.chassis.database import Database, open_database
from services.chassis.rollup_cells import ALL, Contribution, Increments, nested
from services.chassis.rollups import Rollups
from services.query.settings import QuerySettings

FIRST, DAYS = date(2025, 11, 1), 365
CAMERAS = [f"camera-{number}" for number in range(10)]
LABELS = list(taxonomy())
WEIGHTS = [1 / (1 + rank) for rank in range(len(LABELS))]
ZONE = ZoneInfo("Europe/Berlin")
BATCH = 2000


def documents(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield run documents as the services write them, spread evenly over the year, at hours when insects fly."""
    chance = random.Random(seed)
    order = LABELS[:]
    chance.shuffle(order)
    for number in range(count):
        day = FIRST + timedelta(days=number * DAYS // count)
        local = datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(
            seconds=min(86_399, max(0, int(chance.gauss(13.5, 3.5) * 3600)))
        )
        at = local.astimezone(UTC)
        local = at.astimezone(ZONE)
        run_id = f"{chance.getrandbits(128):032x}"
        label = chance.choices(order, WEIGHTS)[0]
        share = chance.random()
        images = chance.choice((1, 1, 2, 3, 4, 6))
        seconds = round(chance.lognormvariate(1.6, 0.9), 1)
        hashes = [f"{chance.getrandbits(256):064x}" for _ in range(images)]
        failed = chance.random() < 0.001
        yield {
            "_id": run_id, "camera_id": chance.choice(CAMERAS), "tracking_id": str(number % 4000), "source": "legacy",
            "started_at": at - timedelta(seconds=seconds), "ended_at": at, "duration_s": seconds, "received_at": at,
            "sort_at": at, "local_date": local.date().isoformat(), "local_hour": local.hour, "clock_flags": [],
            "status": "failed" if failed else "classified", "status_reason": "no readable image" if failed else None,
            "images": [
                {
                    "sha256": sha256, "object_key": f"runs/{run_id}/{sha256}.jpg", "file_name": f"{index}_crop.jpg",
                    "content_type": "image/jpeg", "byte_size": 4000, "width": 96, "height": 96, "taken_at": at,
                    "detection_confidence": None, "bounding_box": None,
                }
                for index, sha256 in enumerate(hashes)
            ],
            "trap": None, "queued_at": at, "classified_at": None if failed else at,
            "result": None if failed else {
                "model_id": "bench@1", "label": label, "is_insect": taxonomy()[label].is_insect,
                "certainty": "sure" if share > 0.3 else "probable" if share > 0.05 else "unclear",
                "top1_images": images, "images": images, "probability_mean": share, "probability_weighted": share,
                "runner_up": None, "best_image": hashes[0], "classified_at": at, "demo_model": True,
            },
        }  # fmt: skip


async def write(database: Database, count: int) -> None:
    """Write runs and their cells, as if they had been classified one by one."""
    await database.ensure_indexes()
    increments, batch, started = Increments(), [], time.perf_counter()
    for number, document in enumerate(documents(count), 1):
        contribution = Contribution.of(document)
        increments.change(None, contribution)
        counted = {"counted": contribution.document() if contribution else None}
        batch.append(document | effective(document) | counted)
        if len(batch) == BATCH:
            await database.runs.insert_many(batch, ordered=False)
            batch = []
        if number % 100_000 == 0:
            print(f"  {number} runs written, {number / (time.perf_counter() - started):.0f}/s", flush=True)
    if batch:
        await database.runs.insert_many(batch, ordered=False)
    cells = [
        nested({path: value for path, value in counts.items() if value})
        | {"_id": Rollups.document_id(camera, period, 0), "camera_id": camera, "period": period}
        for (camera, period), counts in increments.by_document.items()
    ]
    for start in range(0, len(cells), BATCH):
        await database.rollups.insert_many(cells[start : start + BATCH], ordered=False)
    assert any(cell["camera_id"] == ALL for cell in cells)


def requests(chance: random.Random, cursor: str, run_id: str) -> dict[str, list[str]]:
    """Return what is asked, by name: one path, or several at once."""
    day = (FIRST + timedelta(days=chance.randrange(DAYS))).isoformat()
    camera, label = chance.choice(CAMERAS), chance.choice(LABELS)
    year = f"from={FIRST}&to={FIRST + timedelta(days=DAYS - 1)}"
    span = f"from={FIRST + timedelta(days=10)}&to={FIRST + timedelta(days=100 + chance.randrange(200))}"
    runs, stats = "/api/v1/runs?limit=50", "/api/v1/stats"
    return {
        "runs: newest": [runs],
        "runs: a page in the middle": [f"{runs}&cursor={cursor}"],
        "runs: day": [f"{runs}&day={day}"],
        "runs: camera and day": [f"{runs}&camera={camera}&day={day}"],
        "runs: class": [f"{runs}&class={label}"],
        "runs: camera and class": [f"{runs}&camera={camera}&class={label}"],
        "runs: insects": [f"{runs}&insect=true"],
        "runs: no insects": [f"{runs}&insect=false"],
        "runs: unclear, camera": [f"{runs}&certainty=unclear&camera={camera}"],
        "runs: failed": [f"{runs}&status=failed"],
        "runs: text": [f"{runs}&q=hummel"],
        "runs: 24 for a gallery": [f"/api/v1/runs?limit=24&insect=true&day={day}"],
        "one run": [f"/api/v1/runs/{run_id}"],
        "days": ["/api/v1/days"],
        "hours of a day": [f"{stats}/hours?day={day}"],
        "classes of a day": [f"{stats}/classes?day={day}&camera={camera}"],
        "classes of a span": [f"{stats}/classes?{span}"],
        "class x hour of the year": [f"{stats}/class-hours?{year}"],
        "class x day of the year": [f"{stats}/class-days?{year}"],
        "durations of the year": [f"{stats}/durations?{year}"],
        "sightings": [f"{stats}/sightings"],
        "records": [f"{stats}/records"],
        "comparison": [f"{stats}/comparison?day={day}"],
        "status": ["/api/v1/status"],
        "the day page, all at once": [
            f"/api/v1/runs?limit=24&insect=true&day={day}", f"{stats}/hours?day={day}", f"{stats}/classes?day={day}",
            f"{stats}/comparison?day={day}", "/api/v1/days", "/api/v1/cameras", "/api/v1/status",
            f"{stats}/sightings",
        ],
    }  # fmt: skip


async def measure(base: str, repeats: int) -> dict[str, list[float]]:
    """Return milliseconds by name."""
    chance = random.Random(5)
    found: dict[str, list[float]] = {}
    async with aiohttp.ClientSession(base, headers={"access_token": "bench"}) as session:

        async def ask(path: str) -> bytes:
            async with session.get(path) as response:
                body = await response.read()
                assert response.status == 200, body
                return body

        middle = FIRST + timedelta(days=DAYS // 2)
        page = orjson.loads(await ask(f"/api/v1/runs?limit=50&to={middle}"))
        ids = [item["run_id"] for item in page["items"]]
        for name in requests(chance, page["next"], ids[0]):
            for repeat in range(repeats + 5):
                paths = requests(chance, page["next"], chance.choice(ids))[name]
                started = time.perf_counter()
                await asyncio.gather(*(ask(path) for path in paths))
                if repeat >= 5:
                    found.setdefault(name, []).append((time.perf_counter() - started) * 1000)
    return found


def predecessor(count: int, folder: Path) -> float:
    """Return the milliseconds in which the predecessor's way counts one day's classes: the whole table is read."""
    file = folder / f"table-{count}.csv"
    columns = (
        "date",
        "start_time",
        "end_time",
        "duration_s",
        "track_ID",
        "track_ID_imgs",
        "tracking_run_ID",
        "top1",
        "top1_prob",
    )
    with file.open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(columns)
        for number in range(count):
            day = FIRST + timedelta(days=number * DAYS // count)
            writer.writerow((day, "10:00:00", "10:00:09", 9, number, 10, f"ID{number}-10-00-09", "bee", 0.93))
    started = time.perf_counter()
    table = pandas.read_csv(file)
    table[table["date"] == str(FIRST)].groupby("top1").size()
    return (time.perf_counter() - started) * 1000


def percentile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=None, help="Where the runs are kept for the next time")
    parser.add_argument("--only-fill", action="store_true", help="Write the runs and measure nothing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with EmbeddedStack((arguments.folder or folder) / "stack", ("database",)) as stack:
            port = 18_097
            for count in arguments.runs:
                env = {
                    **os.environ, **stack.env, "KRABBEL_MONGO_DATABASE": f"bench_{count}", "KRABBEL_PORT": str(port),
                    "KRABBEL_SERVICE_KEY": "bench", "KRABBEL_LOG_LEVEL": "warning",
                }  # fmt: skip
                settings = QuerySettings(mongo_url=env["KRABBEL_MONGO_URL"], mongo_database=f"bench_{count}")

                async def fill(settings: QuerySettings = settings, count: int = count) -> None:
                    async with open_database(settings, timeout_s=60) as database:
                        if await database.runs.estimated_document_count() != count:
                            await write(database, count)

                print(f"\n{count} runs", flush=True)
                asyncio.run(fill())
                if arguments.only_fill:
                    continue
                log = (folder / "service.log").open("ab")
                service = subprocess.Popen([sys.executable, "-m", "services.query"], env=env, stderr=log)
                try:
                    while http_status(port, "/healthz") != 200:
                        time.sleep(0.2)
                    found = asyncio.run(measure(f"http://127.0.0.1:{port}", arguments.requests))
                    memory = int(Path(f"/proc/{service.pid}/status").read_text().split("VmRSS:")[1].split()[0]) // 1024
                finally:
                    service.send_signal(signal.SIGTERM)
                    service.wait(30)
                print(f"{'':34}{'p50':>9}{'p95':>9}{'p99':>9}  ms")
                for name, values in found.items():
                    p50, p95, p99 = (percentile(values, share) for share in (0.5, 0.95, 0.99))
                    print(f"{name:34}{p50:9.1f}{p95:9.1f}{p99:9.1f}")
                everything = [value for name, values in found.items() if "at once" not in name for value in values]
                print(f"{'median of all':34}{statistics.median(everything):9.1f}   the service's memory: {memory} MB")
                print(f"{'the way of the predecessor':34}{predecessor(count, folder):9.1f}   whole table per request")


if __name__ == "__main__":
    main()
