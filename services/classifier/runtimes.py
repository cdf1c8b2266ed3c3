"""Which way of running a checkpoint's network is the fastest on this machine and safe: measured, at start.

*Safe* means, on a fixed set of drawn pictures: the same top-1 as plain float32, and no probability further off than
0.01. On a CUDA device the network runs in fp16 if that is safe.
"""

import copy
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from services.classifier.checkpoint import Checkpoint
from services.classifier.network import Pixels, Probabilities
from services.classifier.torch_network import TorchNetwork

TOLERANCE = 1e-2
_FLOAT32 = ("eager", "eager-channels-last", "frozen", "frozen-channels-last")
CHOICES = ("auto", "float32", *_FLOAT32, "frozen-bfloat16")
FROZEN_BONUS = 1.2
MEASURED_BATCH = 16
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Measurement:
    """One way to run the network, and how it did."""

    runtime: str
    images_per_s: float
    largest_difference: float
    """Largest absolute difference of a probability from plain float32"""
    safe: bool


def choose(
    checkpoint: Checkpoint,
    *,
    image_size: int,
    device: str = "cpu",
    choice: str = "auto",
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[TorchNetwork, list[Measurement]]:
    """Return the network in the runtime to use, and what was measured.

    ``choice``: one runtime by name, ``float32`` for the fastest exact one, or ``auto``. One that is named is not
    measured and need not be safe.
    """
    if device != "cpu":
        wanted: Iterable[str] = ("float32", "float16") if choice == "auto" else (choice,)
    elif choice == "auto":
        wanted = (*_FLOAT32, "frozen-bfloat16")
    elif choice == "float32":
        wanted = _FLOAT32
    else:
        wanted = (choice,)
    candidates = [build(checkpoint, runtime, image_size, device) for runtime in wanted]
    if len(candidates) == 1:
        return candidates[0], []
    images = pictures(MEASURED_BATCH, image_size)
    measured = _measure(candidates, images, clock)
    best = max(range(len(candidates)), key=lambda index: _worth(measured[index]))
    for index, network in enumerate(candidates):
        if index != best:
            network.close()
    return candidates[best], measured


def build(checkpoint: Checkpoint, runtime: str, image_size: int, device: str = "cpu") -> TorchNetwork:
    """Return the checkpoint's network in one runtime: words of eager, frozen, channels-last, bfloat16, float16."""
    channels_last = "channels-last" in runtime or "bfloat16" in runtime or device != "cpu"
    dtype = (
        torch.bfloat16 if "bfloat16" in runtime else torch.float16 if "float16" in runtime else torch.float32
    )  # "bfloat16" contains "float16": asked first
    module: Any = copy.deepcopy(checkpoint.module).to(device=device, dtype=dtype)
    if channels_last:
        module = module.to(memory_format=torch.channels_last)
    if "frozen" in runtime:
        module = _freeze(module, image_size, dtype, channels_last)
    return TorchNetwork(
        module,
        names=checkpoint.names,
        image_size=image_size,
        runtime=runtime,
        device=device,
        dtype=dtype,
        channels_last=channels_last,
        script=module if "frozen" in runtime else None,
    )


def pictures(count: int, size: int) -> Pixels:
    """Return drawn pictures [count, 3, size, size], always the same: blobs on flat colours, as a trap's crops are."""
    random = np.random.default_rng(20240515)
    rows, columns = np.mgrid[0:size, 0:size] / size
    batch = np.empty((count, 3, size, size), np.float32)
    for image in batch:
        image[:] = random.uniform(60, 255, (3, 1, 1))
        for _ in range(6):
            x, y = random.uniform(0.2, 0.8, 2)
            width, height = random.uniform(0.03, 0.35, 2)
            blob = np.exp(-(((columns - x) / width) ** 2) - ((rows - y) / height) ** 2)
            image += blob * random.uniform(-160, 120, (3, 1, 1))
        image += random.normal(0, 6, image.shape)
    return np.clip(batch, 0, 255).astype(np.uint8)


def _worth(found: Measurement) -> float:
    """Return what the choice goes by: images a second, none where it is not safe.

    A frozen network may be a little slower: it can be kept, and a worker that starts with it needs half the memory.
    """
    return found.images_per_s * (FROZEN_BONUS if "frozen" in found.runtime else 1.0) if found.safe else 0.0


def is_safe(probabilities: Probabilities, reference: Probabilities) -> bool:
    """Say whether these are as good as the reference: same top-1, at most :data:`TOLERANCE` off."""
    same_top = bool((probabilities.argmax(axis=1) == reference.argmax(axis=1)).all())
    return same_top and float(np.abs(probabilities - reference).max()) <= TOLERANCE


def _freeze(module: nn.Module, image_size: int, dtype: torch.dtype, channels_last: bool) -> Any:
    example = torch.zeros(1, 3, image_size, image_size, dtype=dtype)
    if channels_last:
        example = example.to(memory_format=torch.channels_last)
    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):  # torch calls its own jit deprecated
        traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
        return torch.jit.freeze(traced)


def _measure(candidates: list[TorchNetwork], images: Pixels, clock: Callable[[], float]) -> list[Measurement]:
    """Measure all, in turns, and take each one's best: whatever else the machine does then hits all alike."""
    reference = candidates[0].predict(images)
    results: list[Probabilities | None] = []
    for network in candidates:
        try:
            network.warm_up()
            results.append(network.predict(images))
        except RuntimeError:  # an operation that this device or type does not have
            results.append(None)
    fastest = [float("inf")] * len(candidates)
    for _ in range(_ROUNDS):
        for index, network in enumerate(candidates):
            if results[index] is not None:
                started = clock()
                network.predict(images)
                fastest[index] = min(fastest[index], clock() - started)
    return [
        Measurement(
            network.runtime,
            len(images) / max(seconds, 1e-9),
            float("inf") if found is None else float(np.abs(found - reference).max()),
            safe=found is not None and is_safe(found, reference),
        )
        for network, found, seconds in zip(candidates, results, fastest, strict=True)
    ]
