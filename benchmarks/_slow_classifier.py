"""A real worker whose network is a stand-in of fixed latency: the workers of benchmarks.scaling.

Only the loader of the model file is replaced. Fetching, checking, decoding, batching, deciding, writing, confirming and
previews are the worker's own. The stand-in sleeps BENCH_IMAGE_MS for each image of a batch, as a device would be busy
while the processor is free, and says "bee".
"""

import hashlib
import os
import time
from pathlib import Path

import numpy as np

from services.classifier import shelf
from services.classifier.__main__ import main
from services.classifier.model_file import LoadedModel, Options
from services.classifier.network import ModelIdentity, Pixels, Probabilities

LATENCY = "BENCH_IMAGE_MS"


class Sleeper:
    """A network that needs its time and nothing else."""

    names = ("bee", "none_bg")
    image_size = 128
    runtime = "sleeps"
    device = "cpu"

    def __init__(self, image_s: float) -> None:
        self._image_s = image_s

    def predict(self, batch: Pixels) -> Probabilities:
        time.sleep(self._image_s * len(batch))
        return np.tile(np.array([0.9, 0.1], np.float32), (len(batch), 1))

    def warm_up(self) -> None:
        """Nothing is cold."""

    def close(self) -> None:
        """Nothing to free."""


def load(path: Path, _options: Options) -> LoadedModel:
    """Return the stand-in, under the identity of whatever file there is."""
    data = path.read_bytes()
    identity = ModelIdentity("sleeper", "1", hashlib.sha256(data).hexdigest(), "onnx")
    return LoadedModel(identity, Sleeper(float(os.environ[LATENCY]) / 1000), len(data), batch_size=4)


if __name__ == "__main__":
    shelf.load_model = load  # type: ignore[attr-defined, assignment]
    main()
