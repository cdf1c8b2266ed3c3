"""One network, every format: the same classes, the same size, the same probabilities."""

import copy
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from proto.errors import ModelRefused
from services.chassis.models import ModelDescription
from services.classifier.checkpoint import read_checkpoint
from services.classifier.model_file import Options, load_model, read_card
from services.classifier.onnx_model import read_onnx
from services.classifier.runtimes import CHOICES, FROZEN_BONUS, build, choose, is_safe, pictures
from services.classifier.torchscript_model import read_torchscript
from tests.support.model_files import NAMES, SIZE, checkpoint_bytes, network, onnx_bytes, torchscript_bytes


@pytest.fixture(scope="module")
def made_once() -> Any:
    return network()


@pytest.fixture
def model(made_once: Any) -> Any:
    """A network of the test's own: exporting what wraps it leaves it in training mode, and a trace then alters it."""
    return copy.deepcopy(made_once)


@pytest.fixture(scope="module")
def folder(made_once: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("formats")
    (path / "insects.pt").write_bytes(checkpoint_bytes(made_once, half=False))
    (path / "insects.torchscript").write_bytes(torchscript_bytes(made_once))
    (path / "insects.onnx").write_bytes(onnx_bytes(made_once))
    (path / "fixed.onnx").write_bytes(onnx_bytes(made_once, batch=1))
    (path / "four.onnx").write_bytes(onnx_bytes(made_once, batch=4))
    return path


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    checkpoint = read_checkpoint((folder / "insects.pt").read_bytes())
    return build(checkpoint, "eager", SIZE).predict(pictures(11, SIZE))


@pytest.mark.parametrize("name", ["insects.pt", "insects.torchscript", "insects.onnx", "fixed.onnx", "four.onnx"])
def test_one_network_in_all_formats_has_the_same_probabilities_to_a_thousandth(
    folder: Path, reference: Any, name: str
) -> None:
    loaded = load_model(folder / name, Options(device="cpu", threads=1, runtime="float32"))
    assert loaded.network.names == NAMES
    assert loaded.network.image_size == SIZE
    found = loaded.network.predict(pictures(11, SIZE))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference, atol=1e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(reference.max(axis=0)) > 0.1  # the comparison says something
    loaded.network.close()
    with pytest.raises(RuntimeError, match="closed"):
        loaded.network.predict(pictures(1, SIZE))


# -- identity and card -----------------------------------------------------------------------------------------------


def test_model_without_card_is_named_by_its_file_and_hash(folder: Path) -> None:
    sha256 = hashlib.sha256((folder / "insects.onnx").read_bytes()).hexdigest()
    identity = load_model(folder / "insects.onnx").identity
    assert identity.model_id == f"insects@{sha256[:12]}"
    assert (identity.sha256, identity.format, identity.demo) == (sha256, "onnx", False)


def test_card_beside_the_file_names_it(folder: Path, tmp_path: Path) -> None:
    data = (folder / "insects.onnx").read_bytes()
    (tmp_path / "x.onnx").write_bytes(data)
    card = {"name": "demo", "version": "3", "demo": True, "sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "card.json").write_text(json.dumps(card))
    identity = load_model(tmp_path / "x.onnx").identity
    assert (identity.model_id, identity.demo) == ("demo@3", True)


def test_card_of_another_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({"name": "demo", "version": "3", "sha256": "0" * 64}))
    assert read_card(tmp_path / "x.onnx", "1" * 64) is None


@pytest.mark.parametrize("text", ["no json", "[]", '{"name": "a"}', '{"name": "a", "version": "1", "classes": 5}'])
def test_broken_card_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ModelRefused, match=r"card\.json"):
        read_card(tmp_path / "x.onnx", "1" * 64)


def test_unknown_format_and_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="not a model file"):
        load_model(tmp_path / "x.h5")
    with pytest.raises(ModelRefused, match="cannot be read"):
        load_model(tmp_path / "x.pt")


# -- ONNX ------------------------------------------------------------------------------------------------------------


def test_onnx_of_free_size_takes_the_size_from_metadata_then_argument_then_yolov5s_default(model: Any) -> None:
    names = {"stride": 32, "names": model.names}
    with_size = onnx_bytes(model, free_size=True, metadata=names | {"imgsz": [96, 96]})
    without = onnx_bytes(model, free_size=True)
    assert read_onnx(with_size, image_size=64).image_size == 96
    assert read_onnx(without, image_size=64).image_size == 64
    assert read_onnx(without).image_size == 224
    assert read_onnx(without).stride == 32


def test_onnx_that_ends_in_a_softmax_gets_no_second_one(model: Any, reference: Any) -> None:
    with_softmax = nn.Sequential(model, nn.Softmax(dim=1))
    data = onnx_bytes(with_softmax, metadata={"names": model.names})
    np.testing.assert_allclose(read_onnx(data).predict(pictures(11, SIZE)), reference, atol=1e-3)


def test_half_precision_onnx_is_fed_with_halves(model: Any, reference: Any) -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.inner(images.float()).half()  # type: ignore[no-any-return]

    import onnx

    data = onnx_bytes(Half(), metadata={"names": model.names})
    graph = onnx.load_model_from_string(data)
    assert read_onnx(graph.SerializeToString()).predict(pictures(11, SIZE)).dtype == np.float32


@pytest.mark.parametrize(
    "metadata",
    [{}, {"names": "__import__('os').system('true')"}, {"names": "{0: 'a', 5: 'b'}"}, {"names": "['only one']"}],
)
def test_onnx_without_usable_class_names_is_refused(model: Any, metadata: dict[str, str]) -> None:
    with pytest.raises(ModelRefused):
        read_onnx(onnx_bytes(model, metadata=metadata))


@pytest.mark.parametrize("data", [b"", b"no network", bytes(1000)])
def test_what_is_no_onnx_is_refused(data: bytes) -> None:
    with pytest.raises(ModelRefused, match="ONNX"):
        read_onnx(data)


def test_onnx_worker_imports_no_torch(folder: Path) -> None:
    program = f"""
import sys
class Forbidden:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("torch", "torchvision", "yolov5", "ultralytics"):
            raise ImportError(name)
sys.meta_path.insert(0, Forbidden())
from pathlib import Path
import services.classifier.app
from services.classifier.model_file import Options, load_model
from services.classifier.settings import ClassifierSettings
services.classifier.app.create_app(ClassifierSettings())
print(len(load_model(Path({str(folder / "insects.onnx")!r})).network.names))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == str(len(NAMES)), done.stderr


# -- TorchScript -----------------------------------------------------------------------------------------------------


class Reader(nn.Module):
    """Maps a file into memory, as a hostile TorchScript file could."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.from_file("/etc/hostname", False, 4) + images.mean()


class Loader(nn.Module):
    """Runs code while it is loaded."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images

    @torch.jit.export
    def __getstate__(self) -> tuple[int, bool]:
        return 1, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[int, bool]) -> None:
        self.training = state[1]


def scripted(module: nn.Module) -> bytes:
    buffer = io.BytesIO()
    config = json.dumps({"shape": [1, 3, SIZE, SIZE], "stride": 32, "names": list(NAMES)})
    torch.jit.save(torch.jit.script(module), buffer, _extra_files={"config.txt": config})
    return buffer.getvalue()


@pytest.mark.parametrize(("module", "reason"), [(Reader(), "aten::from_file"), (Loader(), "__setstate__")])
def test_torchscript_that_does_more_than_compute_is_refused(module: nn.Module, reason: str) -> None:
    with pytest.raises(ModelRefused, match=reason):
        read_torchscript(scripted(module), device="cpu")


def test_torchscript_without_names_takes_them_from_the_card_or_is_refused(model: Any) -> None:
    buffer = io.BytesIO()
    traced = torch.jit.trace(model, torch.zeros(1, 3, SIZE, SIZE), strict=False, check_trace=False)
    torch.jit.save(traced, buffer, _extra_files={"config.txt": json.dumps({"shape": [1, 3, SIZE, SIZE]})})
    assert read_torchscript(buffer.getvalue(), device="cpu", names=NAMES).names == NAMES
    with pytest.raises(ModelRefused, match="class names"):
        read_torchscript(buffer.getvalue(), device="cpu")


def test_what_is_no_torchscript_is_refused(model: Any) -> None:
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w"):
        pass
    for data in (b"", b"noise", empty.getvalue(), checkpoint_bytes(model)):
        with pytest.raises(ModelRefused):
            read_torchscript(data, device="cpu")


# -- runtimes --------------------------------------------------------------------------------------------------------


def test_measured_choice_is_safe_and_about_the_fastest_of_the_safe(model: Any) -> None:
    checkpoint = read_checkpoint(checkpoint_bytes(model))
    chosen, measured = choose(checkpoint, image_size=SIZE)
    assert {found.runtime for found in measured} == set(CHOICES) - {"auto", "float32"}
    safe = [found for found in measured if found.safe]
    fastest = max(found.images_per_s for found in safe)
    (own,) = [found for found in safe if found.runtime == chosen.runtime]
    assert own.images_per_s * FROZEN_BONUS >= fastest
    reference = build(checkpoint, "eager", SIZE).predict(pictures(16, SIZE))
    assert is_safe(chosen.predict(pictures(16, SIZE)), reference)


def test_runtime_can_be_configured_and_is_then_not_measured(model: Any) -> None:
    chosen, measured = choose(read_checkpoint(checkpoint_bytes(model)), image_size=SIZE, choice="frozen")
    assert (chosen.runtime, measured) == ("frozen", [])


@pytest.mark.parametrize(
    ("found", "safe"),
    [([[0.6, 0.4]], True), ([[0.609, 0.391]], True), ([[0.62, 0.38]], False), ([[0.4, 0.6]], False)],
)
def test_safe_means_same_top_1_and_at_most_a_hundredth_off(found: list[list[float]], safe: bool) -> None:
    assert is_safe(np.array(found, np.float32), np.array([[0.6, 0.4]], np.float32)) is safe


# -- describing a file in a process of its own -----------------------------------------------------------------------


def described(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.classifier.describe", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_file_is_described_for_the_registry(folder: Path) -> None:
    done = described(folder / "insects.onnx")
    assert done.returncode == 0, done.stderr
    description = ModelDescription.model_validate_json(done.stdout)
    assert (description.name, description.format, description.image_size) == ("insects", "onnx", SIZE)
    assert description.classes == NAMES
    assert description.unknown_classes == NAMES
    assert description.object_key == f"models/{description.sha256}.onnx"


def test_refused_file_is_described_by_its_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    done = described(tmp_path / "bad.onnx")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no readable ONNX network" in done.stderr
    assert "Traceback" not in done.stderr


def test_name_that_cannot_be_in_a_model_id_is_said_plainly(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "my model.onnx").write_bytes((folder / "insects.onnx").read_bytes())
    done = described(tmp_path / "my model.onnx")
    assert done.returncode == 1
    assert "name or version" in done.stderr
