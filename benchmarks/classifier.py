"""How many images a second does the bare network do, and how many a worker on the real stack?

    python -m benchmarks.classifier [--network demo|efficientnet-b0|FILE] [--runs 400] [--crops 10] [--threads 1]
                                    [--workers 1] [--seconds 1] [--out FILE.json]

First the bare network, by runtime, batch size and threads. Then the worker, with as many threads: the queue is filled
while no worker runs, then one is started; measured from the 10th to the 90th percent of the runs, so that neither start
nor tail count. Then the bare network once more with these threads: the better figure counts.

Servers and worker share the cores, so beside it stands the processor time of each, and of everything else that ran.
Ratios are printed: to the bare network with the same threads; to what of the best bare figure, with any number of
threads, fits the cores that the servers left; and that of processor times, which other work on the machine hardly
touches: what the bare network needs for an image over what the worker needs in all.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._bare import Bare, bare
from benchmarks._networks import network_file
from benchmarks._runs import fill, machine_busy_s, processor_s, until_classified
from krabbel.stack import BACKENDS, EmbeddedStack
from services.chassis.database import open_database
from services.chassis.settings import BackendSettings

CORES = os.cpu_count() or 1
STAGES = ("fetch", "decode", "batch_wait", "inference", "write")


def page_of(stack: EmbeddedStack, worker: str) -> dict[str, float]:
    """Return a worker's metrics, by name with labels."""
    page = urllib.request.urlopen(f"{stack.urls[worker]}/metrics", timeout=10).read().decode()
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in lines}


async def drain(stack: EmbeddedStack, runs: int, crops: int, workers: int) -> dict[str, Any]:
    """Watch the queue being emptied, and return what happened between the 10th and the 90th percent.

    Stages are those of the first worker, all else is of all.
    """
    names = [f"classifier-{number + 1}" for number in range(workers)]
    parts = (*names, *BACKENDS)

    async with open_database(BackendSettings.from_env(stack.env)) as database:

        async def at(count: int) -> tuple[float, float, dict[str, float], dict[str, float]]:
            await until_classified(database, count)
            used = {part: processor_s(stack.pid(part)) for part in parts}
            return time.perf_counter(), machine_busy_s(), used, page_of(stack, names[0])

        began, busy, before, first = await at(runs // 10)
        ended, busy_after, after, last = await at(runs * 9 // 10)
    seconds, images = ended - began, (runs * 9 // 10 - runs // 10) * crops
    used = {part: after[part] - before[part] for part in parts}
    change = {name: last[name] - first.get(name, 0.0) for name in last}
    seen = max(1.0, change['krabbel_classifier_images_total{outcome="classified"}'])

    def mean(name: str, labels: str = "") -> float:
        return change[f"{name}_sum{labels}"] / max(1.0, change[f"{name}_count{labels}"])

    stage = 'krabbel_classifier_processor_seconds_total{{stage="{}"}}'
    costs = {name: 1000 * change[stage.format(name)] / seen for name in ("fetch", "decode", "inference")}
    costs["event loop"] = 1000 * change["krabbel_classifier_loop_processor_seconds"] / seen
    all_of_them = 1000 * sum(used[name] for name in names) / images
    return {
        "images_per_s": images / seconds,
        "cores_used": {part: used[part] / seconds for part in parts},
        "others_cores": max(0.0, (busy_after - busy - sum(used.values())) / seconds),
        "processor_ms": {"worker": all_of_them, **{part: 1000 * used[part] / images for part in BACKENDS}},
        "worker_processor_ms": {**costs, "all else": max(0.0, all_of_them - sum(costs.values()))},
        "mean_batch": mean("krabbel_classifier_batch_images"),
        "stage_ms": {name: 1000 * mean("krabbel_classifier_stage_seconds", f'{{stage="{name}"}}') for name in STAGES},
    }


def measure_worker(model: Path, runs: int, crops: int, threads: int, workers: int) -> dict[str, Any]:
    """Fill the queue, then let the workers empty it."""
    extra = {"KRABBEL_MODEL": str(model.absolute()), "KRABBEL_THREADS": str(threads)}
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as folder:
        with EmbeddedStack(Path(folder), BACKENDS) as stack:
            asyncio.run(fill(BackendSettings.from_env(stack.env), runs, crops))
        parts = (*BACKENDS, "classifier")
        with EmbeddedStack(Path(folder), parts, workers=workers, settings=extra) as stack:
            return asyncio.run(drain(stack, runs, crops, workers))


def numbers(values: dict[str, float], digits: int) -> str:
    """Return ``name 0.00, name 0.00``."""
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


def tell(raw: list[Bare], worker: dict[str, Any], threads: int) -> dict[str, float]:
    """Print how the worker did, and its ratios to the bare network; return these."""
    safe = [row for row in raw if row.safe]
    same = max(row.images_per_s for row in safe if row.threads == threads)
    left = max(0.0, CORES - sum(worker["cores_used"][part] for part in BACKENDS))
    free = max(0.0, left - worker["others_cores"])
    cheapest = min(row.processor_ms for row in safe)
    found, costs = worker["images_per_s"], worker["processor_ms"]

    def fitting(cores: float) -> float:
        return max(row.images_per_s * min(1.0, cores / row.threads) for row in safe)

    ratios = {
        "same_threads": found / same,
        "left_cores": found / max(fitting(left), 1e-9),
        "free_cores": found / max(fitting(free), 1e-9),
        "processor": cheapest / costs["worker"],
    }
    print(f"  worker on a full queue: {found:.0f} images/s, mean batch {worker['mean_batch']:.1f}")
    print(f"    cores used: {numbers(worker['cores_used'], 2)}; by whatever else ran: {worker['others_cores']:.2f}")
    print(f"    processor time of an image, ms: {numbers(costs, 2)}")
    print(f"    of the worker's: {numbers(worker['worker_processor_ms'], 2)}")
    print(f"    time of a stage, ms: {numbers(worker['stage_ms'], 1)}")
    print(f"  ratio to the best bare figure with {threads} thread(s), {same:.0f}: {ratios['same_threads']:.2f}")
    print(f"  ratio to the best that fits the {left:.2f} cores left, {fitting(left):.0f}: {ratios['left_cores']:.2f}")
    print(f"    the {free:.2f} left by servers and all else, {fitting(free):.0f}: {ratios['free_cores']:.2f}")
    print(f"  ratio of processor times, {cheapest:.2f} of {costs['worker']:.2f} ms: {ratios['processor']:.2f}")
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="demo", help="demo, efficientnet-b0 (untrained), or a model file")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--crops", type=int, default=10)
    parser.add_argument("--threads", type=int, default=max(1, CORES - 1), help="of each worker's network")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure of the bare network")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine = f"{platform.processor() or platform.machine()}, {CORES} cores, load {os.getloadavg()[0]:.1f}"
    print(f"  {machine}; {options.network}; {options.workers} worker(s), {options.threads} thread(s) each", flush=True)
    with tempfile.TemporaryDirectory(prefix="krabbel-bench-") as folder:
        model = network_file(options.network, Path(folder))
        raw = bare(model, tuple(sorted({options.threads, CORES})), options.seconds)
        worker = measure_worker(model, options.runs, options.crops, options.threads, options.workers)
        raw += bare(model, (options.threads,), options.seconds)
    ratios = tell(raw, worker, options.threads)
    if options.out:
        result = {"machine": machine, "bare": [asdict(row) for row in raw], "worker": worker, "ratios": ratios}
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
