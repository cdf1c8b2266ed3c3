"""A checkpoint is data: real ones load, hostile ones are refused by name, and nothing in them runs."""

import builtins
import collections
import io
import os
import pickle
import posixpath
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from proto.errors import ModelRefused
from services.classifier.checkpoint import read_checkpoint
from services.classifier.runtimes import build, pictures
from tests.support.model_files import NAMES, SIZE, checkpoint_bytes, network


@pytest.fixture(scope="module")
def model() -> Any:
    return network()


def probabilities(data: bytes, size: int = SIZE) -> Any:
    return build(read_checkpoint(data), "eager", size).predict(pictures(4, size))


# -- what real checkpoints look like ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cloned", [True, False], ids=["cloned repository", "package"])
@pytest.mark.parametrize("half", [True, False], ids=["fp16", "fp32"])
@pytest.mark.parametrize("ema", [True, False], ids=["ema", "no ema"])
def test_checkpoint_of_any_make_gives_the_networks_probabilities(
    model: Any, cloned: bool, half: bool, ema: bool
) -> None:
    data = checkpoint_bytes(model, cloned=cloned, half=half, ema=ema)
    checkpoint = read_checkpoint(data)
    assert checkpoint.names == NAMES
    assert checkpoint.image_size == SIZE
    images = pictures(4, SIZE)
    with torch.inference_mode():
        normalised = (torch.from_numpy(images).float() / 255 - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / (
            torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        )
        expected = model(normalised).softmax(1).numpy()
    np.testing.assert_allclose(probabilities(data), expected, atol=5e-3 if half else 1e-5)
    assert expected.max() > 0.3  # the comparison says something


def test_input_size_comes_from_the_preprocessing_it_carries(model: Any) -> None:
    assert read_checkpoint(checkpoint_bytes(network(96), options={"imgsz": 224})).image_size == 96


def test_input_size_comes_from_the_training_options_otherwise(model: Any) -> None:
    data = checkpoint_bytes(model, carries_transforms=False, options={"imgsz": 96})
    assert read_checkpoint(data).image_size == 96


def test_input_size_may_be_unknown(model: Any) -> None:
    assert read_checkpoint(checkpoint_bytes(model, carries_transforms=False, options={})).image_size is None


def test_bare_network_without_a_dict_around_it_loads(model: Any) -> None:
    buffer = io.BytesIO()
    torch.save(model, buffer)
    assert read_checkpoint(buffer.getvalue()).names == NAMES


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet18"])
def test_torchvision_networks_trained_by_yolov5s_tools_load(name: str) -> None:
    import torchvision

    found = torchvision.models.get_model(name, weights=None, num_classes=3)
    found.names = ["a", "b", "c"]
    buffer = io.BytesIO()
    torch.save({"model": found.half(), "ema": None, "opt": {"imgsz": 64}}, buffer)
    checkpoint = read_checkpoint(buffer.getvalue())
    assert checkpoint.names == ("a", "b", "c")
    assert checkpoint.image_size == 64


def test_paths_in_the_options_become_pure_ones(model: Any) -> None:
    buffer = io.BytesIO()
    torch.save({"model": model, "opt": {"imgsz": SIZE, "data": Path("/data/insects")}}, buffer)
    assert read_checkpoint(buffer.getvalue()).image_size == SIZE


# -- hostile files ---------------------------------------------------------------------------------------------------


class Call:
    """Pickles as a call of ``function(*arguments)``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def saved(content: Any, *, zipped: bool = True, protocol: int = 2) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    return buffer.getvalue()


def payloads(target: Path) -> dict[str, tuple[Any, str]]:
    """Return hostile objects that would create ``target``, and the global that the refusal must name."""
    code = f"open({str(target)!r}, 'w').close()"
    return {
        "os.system": (Call(os.system, f"touch {target}"), "posix.system"),
        "eval": (Call(builtins.eval, code), "eval"),
        "exec": (Call(builtins.exec, code), "exec"),
        "subprocess": (Call(subprocess.check_call, ["touch", str(target)]), "check_call"),
        "os.open": (Call(os.mkdir, str(target)), "posix.mkdir"),
        "getattr": (Call(builtins.getattr, Path, "touch"), "getattr"),
        "posixpath": (Call(posixpath.join, "a", "b"), "posixpath.join"),
        "torch.load": (Call(torch.load, str(target)), "torch.serialization.load"),
        "torch.hub": (Call(torch.hub.load, "evil/repo", "model"), "torch.hub.load"),
        "torch.jit": (Call(torch.jit.load, str(target)), "torch.jit._serialization.load"),
        "from_file": (Call(torch.from_file, str(target), True, 8), "getattr"),
        "pickle.loads": (Call(pickle.loads, pickle.dumps(Call(os.system, f"touch {target}"))), "pickle.loads"),
        "numpy": (Call(np.fromfile, str(target)), "numpy.fromfile"),
        "namedtuple": (Call(collections.namedtuple, "A", "b"), "collections.namedtuple"),
    }


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy file"])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", sorted(payloads(Path("x"))))
def test_hostile_global_is_refused_by_name_and_never_called(
    tmp_path: Path, kind: str, protocol: int, zipped: bool
) -> None:
    target = tmp_path / "executed"
    payload, name = payloads(target)[kind]
    with pytest.raises(ModelRefused, match=name.replace(".", r"\.")):
        read_checkpoint(saved({"model": payload, "ema": None}, zipped=zipped, protocol=protocol))
    assert not target.exists()


@pytest.mark.parametrize("where", ["options", "attribute", "hook", "transforms", "names", "parameter"])
def test_hostile_global_deep_inside_a_real_checkpoint_is_refused(model: Any, tmp_path: Path, where: str) -> None:
    import copy

    target = tmp_path / "executed"
    hostile = Call(os.system, f"touch {target}")
    options: dict[str, Any] = {"imgsz": SIZE}
    copied = copy.deepcopy(model)
    match where:
        case "options":
            options["cfg"] = [{"deep": hostile}]
        case "attribute":
            copied.model[3].note = hostile
        case "hook":
            copied.model[0]._forward_hooks[0] = hostile
        case "transforms":
            copied.transforms.transforms.append(hostile)
        case "names":
            copied.names = {0: hostile}
        case "parameter":
            copied.model[0]._buffers["extra"] = hostile
    buffer = io.BytesIO()
    torch.save({"model": copied, "opt": options}, buffer)
    with pytest.raises(ModelRefused, match=r"posix\.system"):
        read_checkpoint(buffer.getvalue())
    assert not target.exists()


def test_detection_model_whose_constructor_evaluates_strings_is_not_on_the_list(tmp_path: Path) -> None:
    from services.classifier.yolov5_package import yolov5_module

    target = tmp_path / "executed"
    detection = yolov5_module("yolov5.models.yolo").DetectionModel
    config = {
        "nc": 1,
        "anchors": 1,
        "depth_multiple": 1,
        "width_multiple": 1,
        "backbone": [[-1, 1, f"open({str(target)!r}, 'w')", []]],
        "head": [],
    }
    with pytest.raises(ModelRefused, match=r"yolov5\.models\.yolo\.DetectionModel"):
        read_checkpoint(saved({"model": Call(detection, config)}))
    assert not target.exists()


def test_allowed_layer_called_with_absurd_sizes_takes_no_memory() -> None:
    with pytest.raises(ModelRefused):
        read_checkpoint(saved({"model": Call(nn.Linear, 10**7, 10**7)}))


@pytest.mark.parametrize("method", ["forward", "_call_impl", "_forward_once"])
def test_network_that_replaces_a_method_by_an_attribute_is_refused(model: Any, method: str) -> None:
    import copy

    copied = copy.deepcopy(model)
    copied.model[1].__dict__[method] = nn.Identity
    buffer = io.BytesIO()
    torch.save({"model": copied}, buffer)
    with pytest.raises(ModelRefused, match="functions of its own"):
        read_checkpoint(buffer.getvalue())


def test_network_with_an_allowed_class_as_hook_is_refused(model: Any) -> None:
    import copy

    copied = copy.deepcopy(model)
    copied.model[1]._forward_pre_hooks[0] = nn.Identity
    buffer = io.BytesIO()
    torch.save({"model": copied}, buffer)
    with pytest.raises(ModelRefused, match="functions of its own"):
        read_checkpoint(buffer.getvalue())


# -- files that are something else -----------------------------------------------------------------------------------


def tar_file() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        content = pickle.dumps(Call(os.system, "true"))
        entry = tarfile.TarInfo("pickle")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x/data.pkl", "w", force_zip64=True) as member,
    ):
        for _ in range(33):
            member.write(bytes(64 * 1024**2))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 torn",
        b"\x80\x02}q\x00.",
        os.urandom(500),
        tar_file(),
        saved(torch.zeros(3)),
        saved({"epoch": 1}),
    ],
    ids=["empty", "torn zip", "empty pickle", "noise", "tar", "a tensor", "no network"],
)
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(ModelRefused):
        read_checkpoint(data)


@pytest.mark.slow
def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(ModelRefused, match="bytes unpacked"):
        read_checkpoint(zip_bomb())


def test_state_dict_is_refused_with_advice(model: Any) -> None:
    with pytest.raises(ModelRefused, match="whole checkpoint"):
        read_checkpoint(saved(model.state_dict()))


def test_whole_network_in_the_format_before_torch_1_6_is_refused(model: Any) -> None:
    """torch's safe reader cannot take it; YOLOv5 has had classification networks since torch 1.7 only."""
    with pytest.raises(ModelRefused):
        read_checkpoint(checkpoint_bytes(model, zipped=False))


def test_network_without_class_names_is_refused() -> None:
    with pytest.raises(ModelRefused, match="class names"):
        read_checkpoint(saved({"model": nn.Sequential(nn.Flatten(), nn.Linear(3, 2))}))


def test_network_with_more_names_than_outputs_is_refused(model: Any) -> None:
    import copy

    copied = copy.deepcopy(model)
    copied.names = [*NAMES, "one more"]
    buffer = io.BytesIO()
    torch.save({"model": copied}, buffer)
    with pytest.raises(ModelRefused, match="for 10 classes"):
        read_checkpoint(buffer.getvalue())


# -- the yolov5 package ----------------------------------------------------------------------------------------------


def test_importing_yolov5_leaves_no_traces(tmp_path: Path) -> None:
    """In a fresh process: sys.path, environment and HOME as before, nothing printed, no name looked up."""
    home = tmp_path / "home"
    home.mkdir()
    program = """
import os, socket, sys
def never(*args, **kwargs):
    os.write(2, b"NETWORK " + repr(args).encode()); os._exit(9)
socket.getaddrinfo = socket.create_connection = socket.socket.connect = never
path, environment = list(sys.path), dict(os.environ)
import torch
path, environment = list(sys.path), dict(os.environ)
from services.classifier.yolov5_package import yolov5_module
yolov5_module("yolov5.models.yolo")
assert sys.path == path, set(sys.path) - set(path)
assert dict(os.environ) == environment
assert "models" not in sys.modules and "utils" not in sys.modules
"""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()] == []
