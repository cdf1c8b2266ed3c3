"""A model file: which format, which identity, which network. Libraries are imported only for the format at hand."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proto.errors import ModelRefused
from services.classifier.network import DEFAULT_IMAGE_SIZE, ModelIdentity, Network, class_names

if TYPE_CHECKING:
    from services.classifier.runtimes import Measurement

FORMATS = {".pt": "yolov5", ".torchscript": "torchscript", ".onnx": "onnx"}


@dataclass(frozen=True, slots=True)
class Card:
    """What a model's card.json says, as far as it matters here."""

    name: str
    version: str
    demo: bool = False
    names: tuple[str, ...] | None = None
    image_size: int | None = None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network with its identity."""

    identity: ModelIdentity
    network: Network
    measurements: "list[Measurement]" = field(default_factory=list)


def load_model(
    path: Path,
    *,
    device: str = "auto",
    threads: int = 0,
    runtime: str = "auto",
    image_size: int | None = None,
    prepared: Path | None = None,
) -> LoadedModel:
    """Load a model file. Blocking, takes seconds.

    ``threads`` 0: as many as this process may use cores. ``image_size`` counts where the file does not say it.
    ``prepared``: folder in which networks are kept ready to run (see prepared.py).

    Raises:
        ModelRefused: the file is missing, of an unknown format, or is not what its format promises.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ModelRefused(f"{path.name}: not a model file; known are {', '.join(FORMATS)}.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"The model file {path} cannot be read ({error.strerror}).") from error
    sha256 = hashlib.sha256(data).hexdigest()
    card = read_card(path, sha256)
    identity = ModelIdentity(
        name=card.name if card else path.stem,
        version=card.version if card else sha256[:12],
        sha256=sha256,
        format=kind,
        demo=card.demo if card else False,
    )
    names = card.names if card else None
    size = image_size or (card.image_size if card else None)
    threads = threads or available_cores()
    measurements: list[Measurement] = []
    network: Network
    if kind == "onnx":
        from services.classifier.onnx_model import read_onnx

        network = read_onnx(data, device=device, threads=threads, names=names, image_size=size)
    else:
        # Read once, when torch's OpenMP library is loaded. Threads that spin at the end of every layer until the last
        # one arrives take the cores from everyone else: on a busy machine this is the difference of a factor of ten.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from services.classifier.torch_network import cap_threads, resolve_device

        cap_threads(threads)
        device = resolve_device(device)
        if kind == "torchscript":
            from services.classifier.torchscript_model import read_torchscript

            network = read_torchscript(data, device=device, names=names)
        else:
            network, measurements = _read_yolov5(data, sha256, size, device, threads, runtime, prepared)
    network.warm_up()
    return LoadedModel(identity, network, measurements)


def _read_yolov5(
    data: bytes, sha256: str, size: int | None, device: str, threads: int, runtime: str, folder: Path | None
) -> tuple[Network, "list[Measurement]"]:
    """Return a checkpoint's network in the runtime to use: as it was prepared before, or made and measured now."""
    from services.classifier import prepared
    from services.classifier.runtimes import choose

    key = prepared.Key(sha256, size, runtime, threads)
    if folder is not None and device == "cpu":
        kept = prepared.load(folder, key)
        if kept is not None:
            return kept
    from services.classifier.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(data)
    side = checkpoint.image_size or size or DEFAULT_IMAGE_SIZE
    network, measurements = choose(checkpoint, image_size=side, device=device, choice=runtime)
    if folder is not None:
        prepared.store(folder, key, network, measurements)
    return network, measurements


def read_card(path: Path, sha256: str) -> Card | None:
    """Return the card beside a model file (``<stem>.card.json`` or ``card.json``), if it is this very file's.

    A card that names another SHA-256 belongs to another file, and is passed over.

    Raises:
        ModelRefused: there is a card, and it is none.
    """
    for candidate in (path.with_suffix(".card.json"), path.with_name("card.json")):
        if not candidate.is_file():
            continue
        try:
            content: Any = json.loads(candidate.read_text(encoding="utf-8"))
            if content.get("sha256", sha256) != sha256:
                continue
            return Card(
                name=str(content["name"]),
                version=str(content["version"]),
                demo=bool(content.get("demo", False)),
                names=class_names(content["classes"]) if content.get("classes") else None,
                image_size=int(content["imgsz"]) if content.get("imgsz") else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelRefused(
                f"The model card {candidate} cannot be read ({type(error).__name__}: {error})."
            ) from error
    return None


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
