"""A model file: which format, which identity, which network. Libraries are imported only for the format at hand."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proto.errors import ModelRefused
from services.classifier.batch_size import fastest_batch
from services.classifier.network import DEFAULT_IMAGE_SIZE, ModelIdentity, Network, class_names

if TYPE_CHECKING:
    from services.classifier.runtimes import Measurement

FORMATS = {".pt": "yolov5", ".torchscript": "torchscript", ".onnx": "onnx"}


@dataclass(frozen=True, slots=True)
class Options:
    """How models are to run here."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``"""
    threads: int = 0
    """0: see :func:`default_threads`"""
    runtime: str = "auto"
    """See runtimes.py"""
    image_size: int | None = None
    """px; counts where the file does not say it"""
    batch_size: int = 32
    """Most images in a batch"""
    prepared: Path | None = None
    """Folder in which networks are kept ready to run (see prepared.py)"""


@dataclass(frozen=True, slots=True)
class Card:
    """What a model's card says, as far as it matters here."""

    name: str
    version: str
    demo: bool = False
    names: tuple[str, ...] | None = None
    image_size: int | None = None
    content: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network with its identity."""

    identity: ModelIdentity
    network: Network
    byte_size: int
    batch_size: int = 1
    """The fastest here (see batch_size.py)"""
    card: Card | None = None
    measurements: "list[Measurement]" = field(default_factory=list)


def load_model(path: Path, options: Options = Options()) -> LoadedModel:
    """Load a model file; its identity is that of the card beside it, else its name and hash. Blocking, takes seconds.

    Raises:
        ModelRefused: the file is missing, of an unknown format, or is not what its format promises.
    """
    kind = format_of(path)
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
    return load_bytes(data, identity, options, card)


def load_bytes(data: bytes, identity: ModelIdentity, options: Options, card: Card | None = None) -> LoadedModel:
    """Load a model from its file's bytes. Blocking, takes seconds.

    Raises:
        ModelRefused: they are not what the format promises, or not those of the identity's SHA-256.
    """
    if hashlib.sha256(data).hexdigest() != identity.sha256:
        raise ModelRefused(f"The file of {identity.model_id} is not the one that was registered (its SHA-256 differs).")
    names = card.names if card else None
    size = options.image_size or (card.image_size if card else None)
    threads = options.threads or default_threads()
    measurements: list[Measurement] = []
    network: Network
    if identity.format == "onnx":
        from services.classifier.onnx_model import read_onnx

        network = read_onnx(data, device=options.device, threads=threads, names=names, image_size=size)
    else:
        # Read once, when torch's OpenMP library is loaded. Threads that spin at the end of every layer until the last
        # one arrives take the cores from everyone else: on a busy machine this is the difference of a factor of ten.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from services.classifier.torch_network import cap_threads, resolve_device

        cap_threads(threads)
        device = resolve_device(options.device)
        if identity.format == "torchscript":
            from services.classifier.torchscript_model import read_torchscript

            network = read_torchscript(data, device=device, names=names)
        else:
            network, measurements = _read_yolov5(data, identity.sha256, size, device, threads, options)
    network.warm_up()
    best = fastest_batch(network, options.batch_size, clock_for(network.device, threads))
    return LoadedModel(identity, network, len(data), best, card, measurements)


def _read_yolov5(
    data: bytes, sha256: str, size: int | None, device: str, threads: int, options: Options
) -> tuple[Network, "list[Measurement]"]:
    """Return a checkpoint's network in the runtime to use: as it was prepared before, or made and measured now."""
    from services.classifier import prepared
    from services.classifier.runtimes import choose

    key = prepared.Key(sha256, size, options.runtime, threads)
    if options.prepared is not None and device == "cpu":
        kept = prepared.load(options.prepared, key)
        if kept is not None:
            return kept
    from services.classifier.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(data)
    side = checkpoint.image_size or size or DEFAULT_IMAGE_SIZE
    network, measurements = choose(
        checkpoint, image_size=side, device=device, choice=options.runtime, clock=clock_for(device, threads)
    )
    if options.prepared is not None:
        prepared.store(options.prepared, key, network, measurements)
    return network, measurements


def format_of(path: Path) -> str:
    """Return the format that a file's name promises.

    Raises:
        ModelRefused: none that is known.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ModelRefused(f"{path.name}: not a model file; known are {', '.join(FORMATS)}.")
    return kind


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
            if content.get("sha256", sha256) == sha256:
                return card_of(content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelRefused(
                f"The model card {candidate} cannot be read ({type(error).__name__}: {error})."
            ) from error
    return None


def card_of(content: dict[str, Any]) -> Card:
    """Return what matters of a card's JSON. Raises ValueError, KeyError or TypeError where it is none."""
    return Card(
        name=str(content["name"]),
        version=str(content["version"]),
        demo=bool(content.get("demo", False)),
        names=class_names(content["classes"]) if content.get("classes") else None,
        image_size=int(content["imgsz"]) if content.get("imgsz") else None,
        content=content,
    )


def clock_for(device: str, threads: int) -> Callable[[], float]:
    """Return the clock to measure a network by.

    On one thread of the CPU it is that thread's processor time: on a busy machine the wall's clock tells of the others.
    """
    return time.thread_time if device == "cpu" and threads == 1 else time.perf_counter


def default_threads() -> int:
    """Return one thread less than this process may use cores, at least 1: fetching and decoding need the other core.

    On two cores that many servers share, one thread does as many images as two, whose every layer ends with the slower.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)
