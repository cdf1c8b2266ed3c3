"""Which batch size a network is fastest with here: measured, once, when it is loaded.

Larger is not always faster: on a CPU a batch that no longer fits the caches is slower than two halves.
"""

import time
from collections.abc import Callable

import numpy as np

from services.classifier.network import Network

SIZES = (4, 8, 16, 32, 64, 128)
WORTH = 1.05
"""A larger batch must be this much faster: it makes whoever comes next wait longer"""
_ROUNDS = 3
_PATIENCE_S = 0.5


def fastest_batch(network: Network, most: int, clock: Callable[[], float] = time.perf_counter) -> int:
    """Return the batch size, at most ``most``, with the most images a second.

    Stops at sizes that take longer than half a second a batch: live runs would wait for it.
    """
    best, best_rate = 1, 0.0
    for size in [known for known in SIZES if known < most] + [most]:
        batch = np.zeros((size, 3, network.image_size, network.image_size), np.uint8)
        network.predict(batch)
        seconds = float("inf")
        for _ in range(_ROUNDS):
            started = clock()
            network.predict(batch)
            seconds = min(seconds, max(clock() - started, 1e-9))
        rate = size / seconds
        if rate > best_rate * WORTH:
            best, best_rate = size, rate
        if seconds > _PATIENCE_S or rate < best_rate / 2:
            break
    return best
