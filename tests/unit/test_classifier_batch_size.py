"""The batch size is the fastest one, measured; with a network whose time is a formula."""

from collections.abc import Callable

import numpy as np
import pytest

from services.classifier.batch_size import fastest_batch
from services.classifier.network import Pixels, Probabilities


class Timed:
    """Takes ``seconds(size)`` on its own clock."""

    names = ("a",)
    image_size = 2
    runtime = "fake"
    device = "cpu"

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.now = 0.0
        self.sizes: list[int] = []
        self._seconds = seconds

    def predict(self, batch: Pixels) -> Probabilities:
        self.sizes.append(len(batch))
        self.now += self._seconds(len(batch))
        return np.ones((len(batch), 1), np.float32)

    def warm_up(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        pytest.param(lambda size: 0.01, 64, id="the larger the better"),
        pytest.param(lambda size: 0.001 * size, 4, id="all alike: the smallest"),
        pytest.param(lambda size: 0.002 + 0.001 * size * (1 if size <= 16 else 1.6), 16, id="caches overflow"),
        pytest.param(lambda size: 0.002 + 0.00001 * size, 64, id="a GPU"),
    ],
)
def test_fastest_size_is_found(seconds: Callable[[int], float], best: int) -> None:
    network = Timed(seconds)
    assert fastest_batch(network, 64, clock=lambda: network.now) == best


def test_maximum_is_kept() -> None:
    network = Timed(lambda size: 0.01)
    assert fastest_batch(network, 10, clock=lambda: network.now) == 10
    assert max(network.sizes) == 10
    assert fastest_batch(network, 1, clock=lambda: network.now) == 1


def test_slow_network_is_not_measured_for_minutes() -> None:
    network = Timed(lambda size: 0.3 * size)
    assert fastest_batch(network, 128, clock=lambda: network.now) == 4
    assert network.sizes == [4, 4, 4, 4]
