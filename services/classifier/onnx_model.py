"""Reads ONNX files as YOLOv5's ``export.py --include onnx`` writes them; runs them with ONNX Runtime, without torch.

The file is handed over as bytes, so it can refer to no other file on the disk; its metadata are read as literals.
"""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from proto.errors import ModelRefused
from services.classifier.network import DEFAULT_IMAGE_SIZE, Pixels, Probabilities, class_names, normalise, softmax


class OnnxNetwork:
    """An ONNX Runtime session as a Network. A graph of fixed batch size is fed in pieces of that size."""

    def __init__(self, session: Any, *, names: tuple[str, ...], image_size: int, stride: int | None) -> None:
        self.names = names
        self.image_size = image_size
        self.stride = stride
        self.runtime = "onnxruntime"
        self._session: Any = session
        self._input = session.get_inputs()[0]
        self._output = session.get_outputs()[0].name
        first = self._input.shape[0]
        self.fixed_batch: int | None = first if isinstance(first, int) else None
        self._dtype = np.float16 if "float16" in self._input.type else np.float32
        self.device = "cuda:0" if "CUDAExecutionProvider" in session.get_providers() else "cpu"
        self._yields_logits = True
        self._yields_logits = not self._is_distribution()

    def predict(self, batch: Pixels) -> Probabilities:
        """Return the class probabilities [N, C] of a batch [N, 3, S, S].

        Raises:
            RuntimeError: ONNX Runtime failed, or the network is closed.
        """
        output = self.outputs(batch)
        return softmax(output) if self._yields_logits else output

    def outputs(self, batch: Pixels) -> NDArray[np.float32]:
        """Return what the graph itself yields [N, C]: logits, or probabilities where it ends in a softmax."""
        images = normalise(batch).astype(self._dtype, copy=False)
        step = self.fixed_batch or len(images)
        return np.concatenate([self._run(images[at : at + step], step) for at in range(0, len(images), step)])

    def warm_up(self) -> None:
        """Run once on blank images, alone and as a batch."""
        for size in (1, self.fixed_batch or 8):
            self.predict(np.zeros((size, 3, self.image_size, self.image_size), np.uint8))

    def close(self) -> None:
        """Drop the session."""
        self._session = None

    def _run(self, images: NDArray[Any], size: int) -> NDArray[np.float32]:
        """Run one batch of ``size``; a shorter one is filled up with zeros, whose results are dropped."""
        if self._session is None:
            raise RuntimeError("the network is closed")
        missing = size - len(images)
        filled = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else images
        output: NDArray[Any] = self._session.run([self._output], {self._input.name: filled})[0]
        return output[: len(images)].astype(np.float32, copy=False)

    def _is_distribution(self) -> bool:
        """Say whether the graph ends in a softmax of its own; YOLOv5's end in logits."""
        noise = np.random.default_rng(0).integers(0, 256, (2, 3, self.image_size, self.image_size), np.uint8)
        output = self.outputs(noise)
        return bool((output >= 0).all()) and bool(np.allclose(output.sum(axis=1), 1.0, atol=1e-3))


def read_onnx(
    data: bytes,
    *,
    device: str = "cpu",
    threads: int = 1,
    names: tuple[str, ...] | None = None,
    image_size: int | None = None,
) -> OnnxNetwork:
    """Return the network in an ONNX file. ``names`` and ``image_size`` count only where the file says nothing.

    Raises:
        ModelRefused: it is no ONNX file, no classification network, or says neither class names.
    """
    session = _open(data, device, threads)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 4:
        raise ModelRefused(
            f"The graph has {len(inputs)} inputs and {len(outputs)} outputs; a classification network has one "
            "input [N, 3, S, S] and one output [N, C]."
        )
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    names = _names(metadata) or names
    if names is None:
        raise ModelRefused("The ONNX file has no class names in its metadata: export it with YOLOv5's export.py.")
    size = _size(inputs[0].shape, metadata) or image_size or DEFAULT_IMAGE_SIZE
    stride = metadata.get("stride", "")
    try:
        network = OnnxNetwork(session, names=names, image_size=size, stride=int(stride) if stride.isdigit() else None)
        width = network.outputs(np.zeros((1, 3, size, size), np.uint8)).shape
    except Exception as error:  # onnxruntime's errors share no base
        raise ModelRefused(
            f"The network does not run at {size} px ({type(error).__name__}: {str(error)[:200]})."
        ) from error
    if width != (1, len(names)):
        raise ModelRefused(f"The network yields {width} for {len(names)} classes.")
    return network


def _open(data: bytes, device: str, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait would take the cores from the other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CPUExecutionProvider"]
    if device.startswith("cuda") or (
        device == "auto" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    ):
        providers.insert(0, "CUDAExecutionProvider")
    try:
        return onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:
        raise ModelRefused(f"The file is no readable ONNX network ({str(error)[:200]}).") from error


def _names(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    if "names" not in metadata:
        return None
    try:
        return class_names(ast.literal_eval(metadata["names"]))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ModelRefused(f"The class names in the ONNX file's metadata cannot be read ({error}).") from error


def _size(shape: list[Any], metadata: Mapping[str, str]) -> int | None:
    """Return the input size that the graph or its metadata fix; None for a graph of free size.

    Raises:
        ModelRefused: the input is no square RGB image.
    """
    _, channels, height, width = shape
    if isinstance(channels, int) and channels != 3:
        raise ModelRefused(f"The network wants {channels} channels; Krabbel's images are RGB.")
    if isinstance(height, int) and isinstance(width, int):
        if height != width:
            raise ModelRefused(f"The network wants {width} x {height} px; YOLOv5's classification input is square.")
        return height
    try:
        said = ast.literal_eval(metadata.get("imgsz", "None"))
    except (ValueError, SyntaxError):
        return None
    first = said[0] if isinstance(said, (list, tuple)) and said else said
    return first if isinstance(first, int) and first > 0 else None
