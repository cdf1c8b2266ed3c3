"""What every loaded network can do, whatever file it came from."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB, channels first: [N, 3, S, S] or, for one image, [3, S, S]; 0 to 255."""

Probabilities = NDArray[np.float32]
"""[N, C] or, for one image, [C]; each row sums to 1."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
DEFAULT_IMAGE_SIZE = 224
"""YOLOv5's own default for classification, used where neither file nor card nor settings name a size."""

_MEAN = np.array(IMAGENET_MEAN, np.float32).reshape(1, 3, 1, 1)
_STD = np.array(IMAGENET_STD, np.float32).reshape(1, 3, 1, 1)


class Network(Protocol):
    """A network, ready to predict. It is used by one thread at a time."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the outputs."""

    @property
    def image_size(self) -> int:
        """S: side of the square input, px."""

    @property
    def runtime(self) -> str:
        """How it runs, for people: ``eager``, ``frozen, channels-last``, ``onnxruntime`` ..."""

    @property
    def device(self) -> str:
        """Where it runs: ``cpu``, ``cuda:0``."""

    def predict(self, batch: Pixels) -> Probabilities:
        """Return the class probabilities [N, C] of a batch [N, 3, S, S]."""

    def warm_up(self) -> None:
        """Run once on blank images, so that the first real batch is not the slow one."""

    def close(self) -> None:
        """Free the device's memory."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model this is: what every classification carries."""

    name: str
    version: str
    sha256: str
    format: str
    demo: bool = False

    @property
    def model_id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


def normalise(batch: Pixels) -> NDArray[np.float32]:
    """Return the batch as YOLOv5's networks expect it: /255, minus ImageNet's mean, over its standard deviation."""
    scaled: NDArray[np.float32] = batch.astype(np.float32)
    scaled /= 255.0
    scaled -= _MEAN
    scaled /= _STD
    return scaled


def softmax(logits: NDArray[np.float32]) -> Probabilities:
    """Return the rows' softmax [N, C], computed without overflow."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Probabilities = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def class_names(names: Any) -> tuple[str, ...]:
    """Return class names given as YOLOv5 writes them: a list, or a dict from index (number or text) to name.

    Raises:
        ValueError: they are neither, or the indices have gaps.
    """
    if isinstance(names, dict) and names:
        by_index = {int(index): str(name) for index, name in names.items()}
        if sorted(by_index) != list(range(len(by_index))):
            raise ValueError("the indices of the class names have gaps")
        return tuple(by_index[index] for index in range(len(by_index)))
    if isinstance(names, (list, tuple)) and names:
        return tuple(str(name) for name in names)
    raise ValueError("there are no class names")
