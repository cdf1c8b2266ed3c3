"""Keeps the network in the form that was found the fastest, so that later starts take a fraction of the time.

Reading a checkpoint needs the yolov5 package, and with it torchvision, pandas, scipy and matplotlib: seconds of
processor time and half a gigabyte a worker. The frozen TorchScript that runtimes.py made of it needs torch alone. It is
kept under the checkpoint's SHA-256 and everything else that the choice depended on; reading it is guarded as for any
TorchScript file, and whatever is wrong with it only means that the checkpoint is read again.
"""

import hashlib
import io
import json
import platform
import tempfile
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from proto.errors import ModelRefused
from services.chassis.logging import get_logger
from services.classifier.network import class_names
from services.classifier.runtimes import Measurement
from services.classifier.torch_network import TorchNetwork
from services.classifier.torchscript_model import open_script

log = get_logger(__name__)

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Key:
    """All that the choice of a runtime depends on."""

    sha256: str
    image_size: int | None
    choice: str
    threads: int

    def file_name(self) -> str:
        """Return the file's name: it changes with the model, the settings, torch and the processor."""
        parts = [self.sha256, self.image_size, self.choice, self.threads, torch.__version__, _processor()]
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:40] + ".torchscript"


def load(folder: Path, key: Key) -> tuple[TorchNetwork, list[Measurement]] | None:
    """Return the prepared network and what was measured when it was made; None where there is none that is whole."""
    path = folder / key.file_name()
    try:
        data = path.read_bytes()
        module, config = open_script(data)
        network = TorchNetwork(
            module,
            names=class_names(config["names"]),
            image_size=int(config["image_size"]),
            runtime=str(config["runtime"]),
            dtype=_DTYPES[config["dtype"]],
            channels_last=bool(config["channels_last"]),
        )
        network.warm_up()
        return network, [Measurement(**found) for found in config["measured"]]
    except FileNotFoundError:
        return None
    except (ModelRefused, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        log.warning("prepared network cannot be used; reading the checkpoint", path=str(path), error=str(error))
        return None


def store(folder: Path, key: Key, network: TorchNetwork, measured: list[Measurement]) -> bool:
    """Keep a network if it is frozen; return whether it was. A folder that cannot be written is no error."""
    if network.script is None or network.device != "cpu":
        return False
    config = {
        "names": list(network.names),
        "image_size": network.image_size,
        "runtime": network.runtime,
        "dtype": str(network.dtype).removeprefix("torch."),
        "channels_last": network.channels_last,
        "measured": [asdict(found) for found in measured],
    }
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # torch calls its own jit deprecated
        torch.jit.save(network.script, buffer, _extra_files={"config.txt": json.dumps(config)})
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            file.write(buffer.getvalue())
        Path(file.name).replace(folder / key.file_name())
    except OSError as error:
        log.info("prepared network cannot be kept", folder=str(folder), error=str(error))
        return False
    return True


def _processor() -> str:
    """Return what the speed of the runtimes depends on besides torch."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return f"{platform.machine()} {platform.processor()}"
