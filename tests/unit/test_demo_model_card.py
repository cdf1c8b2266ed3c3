"""The demo model and what its card says about it."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from krabbel.simulator.drawing import LABELS

DEMO = Path(__file__).parents[2] / "models" / "demo"


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEMO / "card.json").read_text(encoding="utf-8"))
    return loaded


def test_card_has_the_checksum_and_size_of_the_file(card: dict[str, Any]) -> None:
    data = (DEMO / card["file"]).read_bytes()

    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert card["bytes"] == len(data) < 6_000_000


def test_card_says_that_the_model_is_a_demo(card: dict[str, Any]) -> None:
    assert card["demo"] is True
    assert card["name"] == "krabbel-demo-yolov5n-cls"
    assert card["imgsz"] == 128
    assert card["licence"] == "GPL-3.0"
    assert "says nothing about real insects" in card["note"]


def test_model_knows_the_classes_in_alphabetical_order(card: dict[str, Any]) -> None:
    assert card["classes"] == sorted(card["classes"]) == list(LABELS)


def test_model_is_right_about_drawings_that_it_has_not_seen(card: dict[str, Any]) -> None:
    assert card["accuracy"] >= 0.95
    assert card["held_out_images"] >= 1000


def test_readable_card_agrees_with_the_machine_readable_one(card: dict[str, Any]) -> None:
    text = (DEMO / "README.md").read_text(encoding="utf-8")

    assert card["sha256"] in text
    assert f"{card['accuracy']:.4f}" in text
    assert card["note"] in text
    assert all(f"`{label}`" in text for label in LABELS)
    assert (DEMO / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_checkpoint_names_the_classes_that_a_yolov5_checkpoint_names(card: dict[str, Any]) -> None:
    # The pickle is searched, not loaded: a checkpoint is code until the allow-list has seen it.
    with zipfile.ZipFile(DEMO / card["file"]) as archive:
        pickle = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))

    assert b"yolov5.models.yolo" in pickle
    assert b"ClassificationModel" in pickle
    assert b"CenterCrop" in pickle
    assert not any(word in pickle for word in (b"posix\n", b"builtins\neval", b"subprocess"))
