"""Reads YOLOv5 ``-cls`` checkpoints (.pt) as data: no byte of them is executed.

A .pt file is a pickle, and a pickle is a program. torch reads it with ``weights_only=True``, an interpreter of its own
that calls nothing but what :mod:`services.classifier.allow_list` names. What comes out is checked once more, because a
pickle also chooses every attribute of the objects it builds.
"""

import io
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from proto.errors import ModelRefused
from services.classifier.allow_list import PATHS, allowed_globals
from services.classifier.network import class_names

MAX_BYTES = 2 * 1024**3
"""Larger checkpoints are refused, packed or unpacked; the largest YOLOv5 -cls network has 0.1 GB."""

_ASKED = re.compile(r"GLOBAL (\S+?)\.? ")
_HARMLESS = (  # torch's own reader knows them
    "__builtin__.set",
    "collections.OrderedDict",
    "torch.Size",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor_v2",
)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
_METHODS = ("forward", "__call__", "_call_impl", "_slow_forward", "_forward_once", "forward_fuse", "to", "eval")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network as it stood in a checkpoint: float32, on the CPU, in evaluation mode, layers fused."""

    module: nn.Module
    names: tuple[str, ...]
    image_size: int | None
    """px; None where the file does not say"""


def read_checkpoint(data: bytes) -> Checkpoint:
    """Return the network in a checkpoint; its EMA weights where it has some, as YOLOv5 does.

    Raises:
        ModelRefused: the file asks for anything that is not on the allow-list (the message names it), or is no YOLOv5
            classification checkpoint.
    """
    content = _unpickle(data)
    options: dict[str, Any] = {}
    if isinstance(content, dict):
        module = content.get("ema") or content.get("model")
        options = content["opt"] if isinstance(content.get("opt"), dict) else {}
        if module is None:
            raise ModelRefused(
                "The file holds weights without a network (a state dict). Save the whole checkpoint, as YOLOv5's "
                "classify/train.py does, or export it to ONNX."
            )
    else:
        module = content
    if not isinstance(module, nn.Module):
        raise ModelRefused(f"The file holds no network but {type(module).__name__!r}.")
    _check_modules(module)
    try:
        names = class_names(getattr(module, "names", None))
    except ValueError as error:
        raise ModelRefused(f"The checkpoint has no class names ({error}): is it a classification network?") from error
    size = _image_size(getattr(module, "transforms", None), options)
    module = _prepared(module)
    _try_out(module, names, size or 64)
    return Checkpoint(module, names, size)


def _unpickle(data: bytes) -> Any:
    _check_archive(data)
    try:
        # Layers that a hostile file *constructs* (instead of rebuilding them, as pickle does) get no memory.
        with (
            warnings.catch_warnings(action="ignore"),
            torch.serialization.safe_globals(allowed_globals()),
            torch.device("meta"),
        ):
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file can make the reader raise anything
        found = _ASKED.search(f"{error} ")
        asked = found.group(1) if found else next(_forbidden_globals(data), None)
        if asked is not None:
            raise ModelRefused(
                f"The checkpoint asks for {asked!r}, which no YOLOv5 classification network needs. Nothing in it was "
                "executed. Get the model from its author as ONNX, or trained with YOLOv5's classification tools."
            ) from error
        raise ModelRefused(
            f"The file is no readable checkpoint ({type(error).__name__}: {str(error)[:200]})."
        ) from error


def _check_archive(data: bytes) -> None:
    """Refuse what would unpack to more than :data:`MAX_BYTES`."""
    size = len(data)
    if zipfile.is_zipfile(io.BytesIO(data)):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                size = sum(member.file_size for member in archive.infolist())
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise ModelRefused(f"The checkpoint is a broken archive ({error}).") from error
    if size > MAX_BYTES:
        raise ModelRefused(f"The checkpoint has {size} bytes unpacked, more than {MAX_BYTES}.")


def _forbidden_globals(data: bytes) -> Iterator[str]:
    """Name the globals that a pickle mentions and that are not on the list, without running it (for the message)."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            pickles = [archive.read(name) for name in archive.namelist() if name.endswith(".pkl")]
    else:
        pickles = [data]
    for content in pickles:
        stream = io.BytesIO(content)
        with suppress(ValueError, pickle.UnpicklingError, EOFError):
            while stream.tell() < len(content):  # a legacy file is several pickles, one after the other
                texts: list[str] = []
                for opcode, argument, _ in pickletools.genops(stream):
                    if isinstance(argument, str) and "UNICODE" in opcode.name:
                        texts.append(argument)
                    name = None
                    if opcode.name in ("GLOBAL", "INST"):
                        name = str(argument).replace(" ", ".", 1)
                    elif opcode.name == "STACK_GLOBAL":
                        name = ".".join(texts[-2:])
                    if name and name not in PATHS and name not in _HARMLESS:
                        yield name


def _check_modules(root: nn.Module) -> None:
    """Refuse a network whose attributes would make torch call anything but its classes' own methods."""
    allowed = {item[0] if isinstance(item, tuple) else item for item in allowed_globals()}
    for part in root.modules():
        state = vars(part)
        if type(part) not in allowed:
            raise ModelRefused(f"The network has a part of type {type(part).__qualname__!r}, which is not allowed.")
        if any(state.get(hook) for hook in _HOOKS) or any(method in state for method in _METHODS):
            raise ModelRefused("The network brings functions of its own; that is not data.")


def _image_size(transforms: Any, options: dict[str, Any]) -> int | None:
    """Return the input size: from the preprocessing that the network carries, else from the training options."""
    for step in getattr(transforms, "transforms", None) or ():
        if type(step).__name__ == "CenterCrop":
            size = getattr(step, "h", None) or getattr(step, "size", None)
            if isinstance(size, (list, tuple)) and size:
                size = size[0]
            if isinstance(size, int) and size > 0:
                return size
    size = options.get("imgsz")
    return size if isinstance(size, int) and size > 0 else None


def _prepared(module: nn.Module) -> nn.Module:
    """Return the network in float32 and evaluation mode, with batch normalisation fused into the convolutions."""
    module = module.float().eval()
    for part in module.modules():
        if type(part) in (nn.SiLU, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.LeakyReLU):
            vars(part)["inplace"] = True  # as YOLOv5's own loader: missing in old checkpoints
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    fuse = getattr(type(module), "fuse", None)
    return fuse(module).eval() if fuse is not None else module


def _try_out(module: nn.Module, names: tuple[str, ...], size: int) -> None:
    """Run the network once on a blank image.

    Raises:
        ModelRefused: it does not run, or does not yield one number per class.
    """
    try:
        with torch.inference_mode():
            output = module(torch.zeros(1, 3, size, size))
    except Exception as error:
        raise ModelRefused(f"The network does not run ({type(error).__name__}: {str(error)[:200]}).") from error
    if not isinstance(output, torch.Tensor) or tuple(output.shape) != (1, len(names)):
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ModelRefused(f"The network yields {shape} for {len(names)} classes: it is no classification network.")
