"""What do 10, 1 000 and 100 000 cameras need, and what gives way first?

    python -m benchmarks.capacity [--measure] [--seconds 20] [--crops 10] [--cameras 10 1000 100000] [--runs-a-day 300]

With ``--measure`` it starts the real system, uploads runs, and writes what each cost (processor time, memory, bytes,
operations) to benchmarks/capacity.json; without it takes the figures from there. From them it says what a fleet needs
at its peak, the scarcest first, and lets a summer's day pass with so many processes (_capacity_model.py).
docs/scaling.md explains the result. Rates of other machines than the measured one scale with their cores' speed.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks._capacity_model import PARTS, Costs, Fleet, needs, processes, simulate, storage
from benchmarks._runs import processor_s
from benchmarks.ingest import Trap, crop
from krabbel.stack import BACKENDS, EmbeddedStack
from proto.classification import Classification
from proto.job import ClassifyJob, JobImage
from proto.run import RunStatus
from services.chassis.broker import open_broker
from services.chassis.database import Database, open_database
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import PARKED

FIGURES = Path(__file__).with_name("capacity.json")
PROCESSES = {"classifier": "classifier-1"}
TRAPS = 8


def _process_of(part: str) -> str:
    return PROCESSES.get(part, part)


def _memory_mb(pid: int | None) -> float:
    if pid is None:
        return 0.0
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in family) / 1e6


async def _database_bytes(database: Database) -> float:
    figures = await database.handle.command("dbStats")
    return float(figures["storageSize"]) + float(figures["indexSize"])


async def _writes(database: Database) -> int:
    counted = (await database.client.admin.command("serverStatus"))["opcounters"]
    return int(counted["insert"]) + int(counted["update"])


async def _publish_rate(settings: BackendSettings, seconds: float = 3.0) -> float:
    """Return confirmed publishes a second of one quorum queue (the parking queue: nobody works on it)."""
    now = datetime.now(UTC)
    job = ClassifyJob(
        run_id="0" * 32, camera_id="x", published_at=now, images=(JobImage(sha256="0" * 64, object_key="x" * 110),) * 10
    )
    async with open_broker(settings) as broker:
        done, deadline = 0, time.perf_counter() + seconds

        async def publish() -> None:
            nonlocal done
            while time.perf_counter() < deadline:
                await broker.publish(job, PARKED)
                done += 1

        await asyncio.gather(*(publish() for _ in range(64)))
    return done / seconds


async def _result_rate(settings: BackendSettings) -> float:
    """Return results a second that the database takes, with their statistics, from one process with many at a time."""
    async with open_database(settings) as database:
        documents = await database.classifications.find({}, {"_id": 0}).limit(1000).to_list(None)
        verdicts = [Classification.model_validate(document) for document in documents]
        runs = Runs(database)
        started = time.perf_counter()
        for model in ("a@1", "b@1", "c@1"):  # another model's word each time, so that each is a change that counts
            labels = {"result": {"model_id": model, "label": {"a@1": "bee", "b@1": "ant", "c@1": "fly"}[model]}}
            changed = [
                verdict.model_copy(
                    update={"model_id": model, "result": verdict.result.model_copy(update=labels["result"])}
                )
                for verdict in verdicts
            ]
            await asyncio.gather(*(runs.complete(verdict) for verdict in changed))
        return 3 * len(verdicts) / (time.perf_counter() - started)


async def _upload(stack: EmbeddedStack, seconds: float, crops: int) -> int:
    """Let some traps upload for a while, each one run after the other; return how many were taken."""
    key, port = stack.env["KRABBEL_API_KEY"], int(stack.urls["ingest"].rpartition(":")[2])
    pictures = [crop(number) for number in range(crops)]
    traps = [Trap(port, key, pictures) for _ in range(TRAPS)]
    deadline = time.perf_counter() + seconds
    await asyncio.gather(*(trap.send_until(deadline) for trap in traps))
    return sum(len(trap.latencies) for trap in traps)


async def _measure(stack: EmbeddedStack, settings: BackendSettings, seconds: float, crops: int) -> Costs:
    async with open_database(settings) as database:

        async def until_classified(count: int) -> None:
            while await database.runs.count_documents({"status": RunStatus.CLASSIFIED.value}) < count:
                await asyncio.sleep(0.1)

        warm = await _upload(stack, 3, crops)
        await until_classified(warm)
        before = {part: processor_s(stack.pid(_process_of(part))) for part in PARTS}
        bytes_before, writes_before = await _database_bytes(database), await _writes(database)
        count = await _upload(stack, seconds, crops)
        await until_classified(warm + count)
        after = {part: processor_s(stack.pid(_process_of(part))) for part in PARTS}
        writes = await _writes(database) - writes_before
        await database.client.admin.command("fsync")
        document_bytes = max(0.0, await _database_bytes(database) - bytes_before) / count
    print(f"  {count} runs of {crops} crops uploaded by {TRAPS} traps and classified", flush=True)
    return Costs(
        crops=crops,
        processor_ms={part: round(1000 * (after[part] - before[part]) / count, 2) for part in PARTS},
        object_bytes=float(sum(len(crop(number)) for number in range(crops))),
        objects=float(crops),
        document_bytes=round(document_bytes),
        database_writes=round(writes / count, 1),
        messages=1.0,
        memory_mb={part: round(_memory_mb(stack.pid(_process_of(part)))) for part in PARTS},
        queue_messages_per_s=round(await _publish_rate(settings)),
        results_per_s=round(await _result_rate(settings)),
    )


def measure(seconds: float, crops: int) -> Costs:
    """Start the real system and return what a run costs on this machine."""
    services = (*BACKENDS, "ingest", "classifier", "query")
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as folder, EmbeddedStack(Path(folder), services) as stack:
        return asyncio.run(_measure(stack, BackendSettings.from_env(stack.env), seconds, crops))


def tell(costs: Costs, fleet: Fleet) -> None:
    """Print what a fleet needs and how its day goes."""
    print(
        f"\n  {fleet.cameras:,} cameras: {fleet.mean_rate:.2f} runs/s over the day, {fleet.peak_rate:.1f} at the peak"
    )
    for need in needs(costs, fleet):
        print(f"    {need.thing:26} {need.at_peak:10.2f} {need.unit:11} = {need.of_one:8.3f} of one")
    objects, documents, millions = storage(costs, fleet)
    print(
        f"    a season adds {objects:,.0f} GB and {millions:,.1f} million objects, {documents:,.1f} GB in the database"
    )
    plans = (
        ("for the peak, and a third to spare", fleet.peak_rate, 0.75),
        ("for the day's mean", fleet.mean_rate, 1.0),
    )
    for words, rate, spare in plans:
        cores = processes(costs, rate, spare=spare)
        databases = max(1, math.ceil(rate / costs.results_per_s / spare))
        day = simulate(costs, fleet, cores, databases=databases)
        print(f"    sized {words}: {', '.join(f'{part} {count}' for part, count in cores.items())} cores")
        print(f"      {databases} database(s); {day.runs:,} runs, busiest minute {day.busiest_rate:.1f}/s")
        print(f"      most in the spool {day.most_spooled:,.0f}, in the queue {day.most_queued:,.0f}")
        print(f"      longest wait {day.longest_wait_s:,.0f} s; done at midnight {day.done:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help=f"measure here, and write {FIGURES.name}")
    parser.add_argument("--seconds", type=float, default=20.0, help="of uploading, while measuring")
    parser.add_argument("--crops", type=int, default=10)
    parser.add_argument("--cameras", type=int, nargs="+", default=[10, 1000, 100_000])
    parser.add_argument("--runs-a-day", type=float, default=300.0)
    options = parser.parse_args()
    if options.measure or not FIGURES.exists():
        load = os.getloadavg()[0]
        costs = measure(options.seconds, options.crops)
        machine = f"{os.cpu_count()} cores, {platform.machine()}, load before {load:.1f}"
        FIGURES.write_text(
            json.dumps(
                {"measured": datetime.now(UTC).date().isoformat(), "machine": machine, **asdict(costs)}, indent=1
            )
            + "\n"
        )
    known = json.loads(FIGURES.read_text())
    print(f"  figures of {known.pop('measured')}, {known.pop('machine')} ({FIGURES.name}):")
    costs = Costs(**known)
    for name, value in asdict(costs).items():
        print(f"    {name}: {value}")
    for cameras in options.cameras:
        tell(costs, Fleet(cameras, options.runs_a_day))


if __name__ == "__main__":
    main()
