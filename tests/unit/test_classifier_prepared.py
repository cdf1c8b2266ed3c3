"""Prepared networks: quicker starts that change no result."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from services.classifier import prepared
from services.classifier.model_file import Options, load_model
from services.classifier.runtimes import pictures
from tests.support.model_files import SIZE, checkpoint_bytes, network


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "insects.pt"
    path.write_bytes(checkpoint_bytes(network()))
    return path


def test_second_start_gives_the_same_model_and_needs_no_yolov5(checkpoint: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"device": "cpu", "threads": 1, "runtime": "frozen", "prepared": tmp_path}
    first = load_model(checkpoint, Options(**options))
    np.save(tmp_path / "images.npy", pictures(5, SIZE))
    program = f"""
import sys, json
import numpy as np
from pathlib import Path
from services.classifier.model_file import Options, load_model
options = dict(device="cpu", threads=1, runtime="frozen", prepared=Path({str(tmp_path)!r}))
loaded = load_model(Path({str(checkpoint)!r}), Options(**options))
rows = loaded.network.predict(np.load({str(tmp_path / "images.npy")!r}))
heavy = [name for name in ("yolov5", "torchvision", "pandas", "matplotlib") if name in sys.modules]
print(json.dumps([heavy, loaded.identity.model_id, loaded.network.names, loaded.network.runtime, rows.tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    heavy, model_id, names, runtime, rows = json.loads(done.stdout)
    assert heavy == []
    assert (model_id, tuple(names), runtime) == (first.identity.model_id, first.network.names, "frozen")
    np.testing.assert_allclose(rows, first.network.predict(pictures(5, SIZE)), atol=1e-5)


def test_measurements_are_kept_too(checkpoint: Path, tmp_path: Path) -> None:
    first = load_model(checkpoint, Options(device="cpu", threads=1, runtime="float32", prepared=tmp_path))
    if not first.network.runtime.startswith("frozen"):
        pytest.skip("eager was faster here: nothing is kept")
    second = load_model(checkpoint, Options(device="cpu", threads=1, runtime="float32", prepared=tmp_path))
    assert second.measurements == first.measurements


@pytest.mark.parametrize("damage", ["torn", "empty", "another program"])
def test_damaged_file_only_means_reading_the_checkpoint_again(checkpoint: Path, tmp_path: Path, damage: str) -> None:
    options: dict[str, Any] = {"device": "cpu", "threads": 1, "runtime": "frozen", "prepared": tmp_path}
    load_model(checkpoint, Options(**options))
    (path,) = tmp_path.glob("*.torchscript")
    if damage == "another program":

        class Reader(torch.nn.Module):
            def forward(self, images: torch.Tensor) -> torch.Tensor:
                return torch.from_file("/etc/hostname", False, 4) + images.mean()

        torch.jit.save(torch.jit.script(Reader()), path)
    else:
        path.write_bytes(path.read_bytes()[:1000] if damage == "torn" else b"")
    assert load_model(checkpoint, Options(**options)).network.predict(pictures(2, SIZE)).shape[0] == 2
    assert path.stat().st_size > 100_000  # written anew


def test_folder_that_cannot_be_written_is_no_error(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    loaded = load_model(checkpoint, Options("cpu", 1, "frozen", prepared=tmp_path / "file" / "below"))
    assert loaded.network.runtime == "frozen"


def test_file_name_changes_with_everything_the_choice_depends_on() -> None:
    keys = [
        prepared.Key("a", 64, "auto", 1),
        prepared.Key("b", 64, "auto", 1),
        prepared.Key("a", 96, "auto", 1),
        prepared.Key("a", 64, "float32", 1),
        prepared.Key("a", 64, "auto", 2),
    ]
    assert len({key.file_name() for key in keys}) == len(keys)
