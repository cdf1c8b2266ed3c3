"""Which classes a checkpoint may ask for: a fixed list, name as it stands in the file -> where the class really is.

Everything on it was read for what its constructor and ``__setstate__`` do with hostile arguments: they build layers
and keep attributes. YOLOv5's ``DetectionModel``, ``DetectMultiBackend`` and ``AutoShape`` must never be on it: they
evaluate strings, open files or fetch from the network when constructed. Paths become *pure* paths, which cannot touch a
disk.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from services.classifier.yolov5_package import yolov5_module

_YOLOV5_LAYERS = (  # module models.common
    "Bottleneck BottleneckCSP C3 C3Ghost C3SPP C3TR C3x Classify Concat Conv CrossConv DWConv Focus GhostBottleneck "
    "GhostConv SPP SPPF TransformerBlock TransformerLayer"
)

_TORCH_LAYERS = {
    "torch.nn.modules.activation": "ELU GELU Hardsigmoid Hardswish LeakyReLU Mish MultiheadAttention PReLU ReLU ReLU6 "
    "SiLU Sigmoid Tanh",
    "torch.nn.modules.batchnorm": "BatchNorm2d",
    "torch.nn.modules.container": "ModuleList Sequential",
    "torch.nn.modules.conv": "Conv2d",
    "torch.nn.modules.dropout": "Dropout Dropout2d",
    "torch.nn.modules.flatten": "Flatten",
    "torch.nn.modules.linear": "Identity Linear NonDynamicallyQuantizableLinear",
    "torch.nn.modules.normalization": "LayerNorm",
    "torch.nn.modules.pooling": "AdaptiveAvgPool2d AvgPool2d MaxPool2d",
}

# YOLOv5's training tool takes torchvision's networks as well; the predecessor's EfficientNet-B0 is one.
_TORCHVISION_LAYERS = {
    "torchvision.models.efficientnet": "EfficientNet FusedMBConv MBConv",
    "torchvision.models.resnet": "BasicBlock Bottleneck ResNet",
    "torchvision.models.mobilenetv3": "InvertedResidual MobileNetV3",
    "torchvision.ops.misc": "Conv2dNormActivation ConvNormActivation SqueezeExcitation",
    "torchvision.ops.stochastic_depth": "StochasticDepth",
    "torchvision.transforms.transforms": "CenterCrop Compose Normalize Resize ToTensor",
    "torchvision.transforms.functional": "InterpolationMode",
}


def _paths() -> dict[str, tuple[str, str]]:
    """Return name in a checkpoint -> (module, attribute)."""
    found: dict[str, tuple[str, str]] = {}
    for prefix in ("", "yolov5."):  # YOLOv5 cloned and run in its folder, and the package
        found[f"{prefix}models.yolo.ClassificationModel"] = ("yolov5.models.yolo", "ClassificationModel")
        for layer in _YOLOV5_LAYERS.split():
            found[f"{prefix}models.common.{layer}"] = ("yolov5.models.common", layer)
        for transform in ("CenterCrop", "ToTensor"):
            found[f"{prefix}utils.augmentations.{transform}"] = ("yolov5.utils.augmentations", transform)
    for layers in (_TORCH_LAYERS, _TORCHVISION_LAYERS):
        for module, names in layers.items():
            for name in names.split():
                found[f"{module}.{name}"] = (module, name)
    for module in ("pathlib", "pathlib._local"):
        found[f"{module}.PosixPath"] = ("pathlib", "PurePosixPath")
        found[f"{module}.WindowsPath"] = ("pathlib", "PureWindowsPath")
    return found


PATHS = _paths()


def allowed_globals() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Return the list as ``torch.serialization.safe_globals`` takes it. Imports yolov5 and torchvision (seconds)."""
    result: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = []
    for name, (module, attribute) in PATHS.items():
        loaded = yolov5_module(module) if module.startswith("yolov5.") else import_module(module)
        target = getattr(loaded, attribute, None)
        if target is not None:  # a layer that this version of the library does not have
            result.append((target, name))
    return result
