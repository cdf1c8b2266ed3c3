"""A torch module as a Network: on a CPU or a CUDA device, in float32 or half the bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from services.classifier.network import IMAGENET_MEAN, IMAGENET_STD, Pixels, Probabilities

Forward = Callable[[torch.Tensor], Any]


class TorchNetwork:
    """Runs ``forward`` (normalised images [N, 3, S, S] -> logits [N, C]) in batches.

    Normalisation happens on the device in float32, so that only bytes travel there and no precision is lost on the way.
    """

    def __init__(
        self,
        forward: Forward,
        *,
        names: tuple[str, ...],
        image_size: int,
        runtime: str,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        channels_last: bool = False,
        yields_logits: bool = True,
        script: Any = None,
    ) -> None:
        """``script``: ``forward`` as frozen TorchScript, where it is that (prepared.py keeps it)."""
        self.names = names
        self.image_size = image_size
        self.runtime = runtime
        self.device = device
        self.dtype = dtype
        self.channels_last = channels_last
        self.script = script
        self._forward: Forward | None = forward
        self._device = torch.device(device)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._yields_logits = yields_logits
        self._mean = torch.tensor(IMAGENET_MEAN, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD, device=self._device).view(1, 3, 1, 1)

    def predict(self, batch: Pixels) -> Probabilities:
        """Return the class probabilities [N, C] of a batch [N, 3, S, S].

        Raises:
            RuntimeError: torch failed (also ``torch.cuda.OutOfMemoryError``), or the network is closed.
        """
        if self._forward is None:
            raise RuntimeError("the network is closed")
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(batch))
            if self._device.type == "cuda":
                pixels = pixels.pin_memory().to(self._device, non_blocking=True)
            images = pixels.float().div_(255.0).sub_(self._mean).div_(self._std)
            output = self._forward(images.to(dtype=self.dtype, memory_format=self._format)).float()
            probabilities = output.softmax(dim=1) if self._yields_logits else output
            result: Probabilities = probabilities.cpu().numpy()
            return result

    def warm_up(self) -> None:
        """Run twice: frozen TorchScript specialises itself on its second call."""
        for size in (1, 1, 8, 8):
            self.predict(np.zeros((size, 3, self.image_size, self.image_size), np.uint8))

    def close(self) -> None:
        """Drop the module and give the device's memory back."""
        self._forward = self.script = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def cap_threads(threads: int) -> None:
    """Let torch use this many threads for one operation, and no further ones between operations."""
    torch.set_num_threads(threads)


def resolve_device(wanted: str) -> str:
    """Return the device to use: ``auto`` is the first CUDA device where there is one, else the CPU."""
    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    return "cuda:0" if wanted == "cuda" else wanted
