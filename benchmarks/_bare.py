"""The bare network: images a second, and what one costs, by runtime, threads and batch size."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

BATCHES = (1, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Bare:
    """How the network alone did."""

    runtime: str
    safe: bool
    """The worker may run it so: same top-1 as plain float32, no probability more than 0.01 off"""
    threads: int
    batch: int
    images_per_s: float
    processor_ms: float
    """Processor time of an image, of all threads"""


def bare(model: Path, threads: tuple[int, ...], seconds: float) -> list[Bare]:
    """Measure, in this process; prints a line per runtime and number of threads."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the worker sets it
    from services.classifier.model_file import Options, load_model
    from services.classifier.network import Network
    from services.classifier.runtimes import CHOICES, pictures

    def one(network: Network, safe: bool, count: int, size: int) -> Bare:
        batch = pictures(size, network.image_size)
        for _ in range(3):
            network.predict(batch)
        done, started, worked = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - started < seconds:
            network.predict(batch)
            done += size
        passed, used = time.perf_counter() - started, time.process_time() - worked
        return Bare(network.runtime, safe, count, size, done / passed, 1000 * used / done)

    results: list[Bare] = []
    of_torch = model.suffix == ".pt"
    for count in threads:
        found = load_model(model, Options(threads=count))
        safe = {each.runtime for each in found.measurements if each.safe} or {found.network.runtime}
        found.network.close()
        for choice in [each for each in CHOICES if each not in ("auto", "float32")] if of_torch else ["auto"]:
            network = load_model(model, Options(threads=count, runtime=choice, batch_size=1)).network
            network.warm_up()
            rows = [one(network, network.runtime in safe, count, size) for size in BATCHES]
            results += rows
            network.close()
            cells = "  ".join(f"{row.batch}: {row.images_per_s:.0f}" for row in rows)
            cheapest = min(row.processor_ms for row in rows)
            print(
                f"  bare, {network.runtime:22} {count} thread(s)  images/s by batch size  {cells:50}"
                f"  at best {cheapest:.2f} ms of processor time an image{'' if rows[0].safe else '  (not safe)'}",
                flush=True,
            )
    return results
