"""Model files for tests: a small, untrained yolov5n-cls in every format, as YOLOv5's own tools would write it."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: tests share the cores with servers and each other

import torch
from torch import nn

from services.classifier.network import normalise
from services.classifier.runtimes import pictures
from services.classifier.yolov5_package import yolov5_module

NAMES = tuple(f"class_{index}" for index in range(9))
SIZE = 64


def network(size: int = SIZE, seed: int = 0) -> Any:
    """Return a yolov5n-cls with class names and preprocessing inside, and weights that tell pictures apart."""
    torch.manual_seed(seed)
    yolo = yolov5_module("yolov5.models.yolo")
    transforms = yolov5_module("yolov5.utils.augmentations").classify_transforms(size)
    config = Path(str(yolo.__file__)).with_name("yolov5n.yaml")
    model = yolo.ClassificationModel(model=yolo.DetectionModel(str(config), ch=3, nc=80), nc=len(NAMES), cutoff=10)
    model.names = dict(enumerate(NAMES))
    model.transforms = transforms
    images = torch.from_numpy(normalise(pictures(32, size)))
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight)
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = None  # a plain average: few passes suffice
        for _ in range(8):
            model.train()(images)
        logits = model.eval()(images)
        head = model.model[-1].linear
        scale = 3.0 / logits.std(dim=0).mean()
        head.bias.copy_((head.bias - logits.mean(dim=0)) * scale)
        head.weight.mul_(scale)
    return model.eval()


@contextmanager
def names_as_in_cloned_yolov5() -> Iterator[None]:
    """Let pickle write ``models.yolo...`` as YOLOv5's cloned repository does, not ``yolov5.models.yolo...``."""
    aliases: dict[str, ModuleType] = {}
    classes: list[tuple[type, str]] = []
    for name in ("models.yolo", "models.common", "utils.augmentations"):
        module = yolov5_module(f"yolov5.{name}")
        aliases[name] = module
        aliases.setdefault(name.partition(".")[0], ModuleType(name.partition(".")[0]))
        for item in vars(module).values():
            if isinstance(item, type) and item.__module__ == f"yolov5.{name}":
                classes.append((item, item.__module__))
                item.__module__ = name
    sys.modules.update(aliases)
    try:
        yield
    finally:
        for name in aliases:
            sys.modules.pop(name, None)
        for item, module_name in classes:
            item.__module__ = module_name


def checkpoint_bytes(
    model: Any,
    *,
    half: bool = True,
    ema: bool = False,
    carries_transforms: bool = True,
    options: dict[str, Any] | None = None,
    cloned: bool = True,
    zipped: bool = True,
    protocol: int = 2,
) -> bytes:
    """Return a checkpoint as YOLOv5's classify/train.py saves it."""
    import copy

    saved = copy.deepcopy(model)
    if half:
        saved = saved.half()
    if not carries_transforms:
        del saved.transforms
    other = copy.deepcopy(saved)
    with torch.no_grad():
        other.model[-1].linear.weight.zero_()
    content = {
        "epoch": 3,
        "best_fitness": 0.9,
        "model": other if ema else saved,
        "ema": saved if ema else None,
        "updates": 7,
        "optimizer": None,
        "opt": {"imgsz": SIZE, "save_dir": Path("runs/train-cls/exp"), "lr0": 0.001} if options is None else options,
        "date": "2024-05-15T10:00:00",
    }
    buffer = io.BytesIO()
    if cloned:
        with names_as_in_cloned_yolov5():
            torch.save(content, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    else:
        torch.save(content, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def torchscript_bytes(model: Any, *, size: int = SIZE, names: Any = None) -> bytes:
    """Return what YOLOv5's ``export.py --include torchscript`` writes."""
    example = torch.zeros(1, 3, size, size)
    with torch.no_grad():
        traced = torch.jit.trace(model, example, strict=False, check_trace=False)  # type: ignore[no-untyped-call]
    config = {"shape": list(example.shape), "stride": 32, "names": model.names if names is None else names}
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer, _extra_files={"config.txt": json.dumps(config)})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def onnx_bytes(
    model: nn.Module, *, size: int = SIZE, batch: int | None = None, free_size: bool = False, metadata: Any = None
) -> bytes:
    """Return what YOLOv5's ``export.py --include onnx`` writes; ``batch`` None: of any batch size."""
    import onnx

    buffer = io.BytesIO()
    axes: dict[int, str] = {} if batch else {0: "batch"}
    if free_size:
        axes |= {2: "height", 3: "width"}
    torch.onnx.export(
        model,
        (torch.zeros(batch or 1, 3, size, size),),
        buffer,  # type: ignore[arg-type]
        dynamo=False,
        opset_version=17,
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": axes} if axes else None,
    )
    exported = onnx.load_model_from_string(buffer.getvalue())
    given = {"stride": 32, "names": getattr(model, "names", None)} if metadata is None else metadata
    for key, value in given.items():
        entry = exported.metadata_props.add()
        entry.key, entry.value = key, str(value)
    return bytes(exported.SerializeToString())
