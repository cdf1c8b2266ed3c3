"""The networks that benchmarks measure with."""

import os
from pathlib import Path

DEMO_MODEL = Path("models/demo/krabbel-demo-yolov5n-cls.pt")


def exported(network: str) -> bytes:
    """Return a network as YOLOv5 exports it to ONNX: weights, class names and size.

    ``demo``, or ``efficientnet-b0``, untrained: the size of the model in use, and speed does not ask what was
    learned.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: as the worker sets it
    from services.classifier.checkpoint import read_checkpoint
    from tests.support.model_files import onnx_bytes

    checkpoint = read_checkpoint(DEMO_MODEL.read_bytes())
    module, names = checkpoint.module, dict(enumerate(checkpoint.names))
    if network == "efficientnet-b0":
        from torchvision.models import efficientnet_b0

        module = efficientnet_b0(num_classes=len(names)).eval()
    return onnx_bytes(module, size=checkpoint.image_size or 128, metadata={"stride": 32, "names": names})


def network_file(network: str, folder: Path) -> Path:
    """Return a model file: the demo model's, ``efficientnet-b0`` exported into the folder, or a file as given."""
    if network == "demo":
        return DEMO_MODEL
    if network != "efficientnet-b0":
        return Path(network)
    path = folder / f"{network}.onnx"
    path.write_bytes(exported(network))
    return path
