"""Reads TorchScript files as YOLOv5's ``export.py --include torchscript`` writes them.

TorchScript is a program, though one in a small language. Loading runs nothing but ``__setstate__`` methods, so files
with one are refused before; what the network's own method does is then compared with a fixed list of operations before
it runs for the first time (``aten::from_file`` and ``aten::save``, which touch the disk, are not on it).
"""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import torch

from proto.errors import ModelRefused
from services.classifier.network import class_names
from services.classifier.torch_network import TorchNetwork

_ATEN = (
    "Int ScalarImplicit _convolution adaptive_avg_pool2d add add_ addmm avg_pool2d batch_norm cat chunk clamp clamp_ "
    "constant_pad_nd contiguous conv2d convolution detach div div_ dropout dropout_ elu elu_ feature_dropout flatten "
    "floor_divide gelu hardsigmoid hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ layer_norm leaky_relu "
    "leaky_relu_ linear log_softmax matmul max_pool2d mean mish mish_ mul mul_ pad permute relu relu6 relu_ reshape "
    "scaled_dot_product_attention select sigmoid sigmoid_ silu silu_ size slice softmax split squeeze stack sub sub_ t "
    "tanh to transpose type_as unsqueeze upsample_nearest2d view"
)
_PRIM = (  # no CallMethod: inlined graphs have none left, unless through an interface
    "Constant GetAttr ListConstruct ListUnpack NumToTensor Return TupleConstruct TupleUnpack data device dtype "
    "unchecked_cast"
)
_ALLOWED = frozenset([f"aten::{name}" for name in _ATEN.split()] + [f"prim::{name}" for name in _PRIM.split()])
_SUSPECT = (b"__setstate__", b"__getstate__", b"torch.classes", b"torch . classes")


def read_torchscript(data: bytes, *, device: str, names: tuple[str, ...] | None = None) -> TorchNetwork:
    """Return the network in a TorchScript file; ``names`` only where the file has none.

    Raises:
        ModelRefused: it is no such file, does more than compute, or has no class names or input size.
    """
    module, config = open_script(data)
    try:
        names = class_names(config["names"]) if "names" in config else names
        shape = [int(side) for side in config.get("shape", ())]
    except (ValueError, TypeError) as error:
        raise ModelRefused(f"The TorchScript file's config.txt cannot be read ({error}).") from error
    if names is None:
        raise ModelRefused("The TorchScript file has no class names: export it with YOLOv5's export.py.")
    if len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:
        raise ModelRefused(f"The TorchScript file does not say a square RGB input size (shape {shape}).")
    module = module.float().eval().to(device)
    output = _try_out(module, shape[2], device)
    if tuple(output.shape) != (1, len(names)):
        raise ModelRefused(f"The network yields {tuple(output.shape)} for {len(names)} classes.")
    total = float(output.float().sum())
    is_distribution = bool((output >= 0).all()) and abs(total - 1) < 1e-3
    return TorchNetwork(
        module,
        names=names,
        image_size=shape[2],
        runtime="torchscript",
        device=device,
        yields_logits=not is_distribution,
    )


def open_script(data: bytes) -> tuple[Any, dict[str, Any]]:
    """Return the module in a TorchScript file, on the CPU, and the metadata that YOLOv5 puts into ``config.txt``.

    Raises:
        ModelRefused: it is no such file, or does more than compute.
    """
    _check_archive(data)
    extra: dict[str, Any] = {"config.txt": ""}
    try:
        with warnings.catch_warnings(action="ignore"):  # torch calls its own format deprecated
            module = torch.jit.load(  # type: ignore[no-untyped-call]
                io.BytesIO(data), map_location="cpu", _extra_files=extra
            )
        graph = module.inlined_graph
    except Exception as error:
        raise ModelRefused(f"The file is no readable TorchScript ({type(error).__name__}).") from error
    for kind in _kinds(graph):
        if kind not in _ALLOWED:
            raise ModelRefused(f"The TorchScript network uses {kind!r}, which no classification network needs.")
    try:
        config = json.loads(extra["config.txt"] or b"{}")
    except ValueError as error:
        raise ModelRefused(f"The TorchScript file's config.txt cannot be read ({error}).") from error
    return module, config if isinstance(config, dict) else {}


def _check_archive(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > 2 * 1024**3:
                raise ModelRefused("The TorchScript file unpacks to more than 2 GiB.")
            for name in archive.namelist():
                if name.endswith((".py", ".pkl")):
                    content = archive.read(name)
                    for word in _SUSPECT:
                        if word in content:
                            raise ModelRefused(f"The TorchScript file would run {word.decode()!r} while loading.")
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        raise ModelRefused(f"The file is no TorchScript archive ({error}).") from error


def _kinds(block: Any) -> Iterator[str]:
    """Yield the kind of each operation of a graph, those of nested blocks included."""
    for node in block.nodes():
        yield str(node.kind())
        for inner in node.blocks():
            yield from _kinds(inner)


def _try_out(module: Any, size: int, device: str) -> torch.Tensor:
    try:
        with torch.inference_mode():
            output = module(torch.zeros(1, 3, size, size, device=device))
    except Exception as error:
        raise ModelRefused(f"The network does not run ({type(error).__name__}: {str(error)[:200]}).") from error
    if not isinstance(output, torch.Tensor):
        raise ModelRefused("The network yields no tensor: it is no classification network.")
    return output
