"""Measure the demo network on drawn individuals that it has never seen, and write its card.

    python models/demo/evaluate.py     # measures again, keeps what card.json says about the training

Writes card.json (for programs), README.md (for people) and confusion.png next to the checkpoint.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dataset import HELD_OUT, IMGSZ, Crops, draw_crops
from PIL import Image, ImageDraw
from yolov5.utils.augmentations import IMAGENET_MEAN, IMAGENET_STD

from krabbel.simulator.drawing import LABELS

HERE = Path(__file__).parent
NAME = "krabbel-demo-yolov5n-cls"
CHECKPOINT = HERE / f"{NAME}.pt"
SENTENCE = "This model is for demos and tests only and says nothing about real insects."
CAVEATS = (
    "It has seen drawings only. A confident answer to a photograph is still no answer: "
    "there is no class for “this is no drawing”.",
    "Held-out means other individuals from the same drawing code, not other pictures of the world; "
    "the accuracy tells that the pipeline works, and nothing else.",
    "Classes are balanced here. At a trap they are not "
    "(`Plan.often` in `krabbel/simulator/drawing.py` has the mix of the demo).",
    "`bee_apis` and `hfly_eristal`, or `hfly_syrphus` and `hfly_eupeo`, are drawn so that they can be told apart; "
    "living ones are far more alike.",
    "If the drawings change, train again: the pictures of the demo and the network belong together.",
    "The checkpoint is a pickle like every YOLOv5 checkpoint. Load it with the service's allow-list loader, "
    "not with plain `torch.load`.",
    "The yolov5 package that trained it declares GPL-3.0; some of its files name AGPL-3.0 in their first line.",
)


def predict(crops: Crops, batch_size: int = 128) -> np.ndarray:
    """Class index of each crop, int64 (n,), by the saved checkpoint in 32-bit floats."""
    model = torch.load(CHECKPOINT, map_location="cpu", weights_only=False)["model"].float().eval()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    found = []
    with torch.inference_mode():
        for start in range(0, len(crops.labels), batch_size):
            inputs = torch.from_numpy(crops.images[start : start + batch_size]).float() / 255
            found.append(model((inputs - mean) / std).argmax(1).numpy())
    return np.concatenate(found)


def confusion(labels: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Counts (27, 27): rows are true classes, columns answers."""
    table = np.zeros((len(LABELS), len(LABELS)), dtype=np.int64)
    np.add.at(table, (labels, found), 1)
    return table


def picture(table: np.ndarray, path: Path) -> None:
    """Draw the confusion matrix."""
    cell, left, top = 26, 118, 118
    side = cell * len(LABELS)
    image = Image.new("RGB", (left + side + 12, top + side + 12), "white")
    draw = ImageDraw.Draw(image)
    for i, label in enumerate(LABELS):
        draw.text((left - 6, top + i * cell + cell / 2), label, fill="black", anchor="rm", font_size=13)
        tag = Image.new("L", (110, 20), 255)
        ImageDraw.Draw(tag).text((0, 10), label, fill=0, anchor="lm", font_size=13)
        image.paste(tag.rotate(90, expand=True).convert("RGB"), (left + i * cell + 3, top - 114))
        for j in range(len(LABELS)):
            count, share = int(table[i, j]), table[i, j] / max(1, table[i].sum())
            base = (0, 104, 82) if i == j else (196, 52, 34)
            strength = share if i == j else min(1.0, share * 4)
            shade = tuple(round(248 + (c - 248) * strength) for c in base)
            x, y = left + j * cell, top + i * cell
            draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill=shade)
            if count:
                ink = "white" if strength > 0.45 else "black"
                draw.text((x + cell / 2 - 1, y + cell / 2 - 1), str(count), fill=ink, anchor="mm", font_size=11)
    image.save(path, optimize=True)


def write_card(training: dict[str, Any], crops: Crops) -> float:
    """Measure the checkpoint on held-out crops and write card.json, README.md, confusion.png. Returns the accuracy."""
    table = confusion(crops.labels, predict(crops))
    accuracy = float(np.trace(table) / table.sum())
    data = CHECKPOINT.read_bytes()
    packages = ("torch", "torchvision", "yolov5", "numpy", "pillow", "opencv-python-headless")
    card: dict[str, Any] = {
        "name": NAME,
        "version": "1",
        "file": CHECKPOINT.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "imgsz": IMGSZ,
        "accuracy": round(accuracy, 4),
        "held_out_images": int(table.sum()),
        "classes": list(LABELS),
        "demo": True,
        "licence": "GPL-3.0",
        "note": SENTENCE,
        "training": training,
        "versions": {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in packages}},
    }
    (HERE / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text(readme(card, table), encoding="utf-8")
    picture(table, HERE / "confusion.png")
    return accuracy


def readme(card: dict[str, Any], table: np.ndarray) -> str:
    """The model card as Markdown."""
    training, versions = card["training"], card["versions"]
    rows, mixed = [], []
    for i, label in enumerate(LABELS):
        precision, recall = table[i, i] / max(1, table[:, i].sum()), table[i, i] / max(1, table[i].sum())
        rows.append(f"| `{label}` | {precision:.3f} | {recall:.3f} | {table[i].sum()} |")
        mixed += [(int(table[i, j]), label, LABELS[j]) for j in range(len(LABELS)) if i != j and table[i, j]]
    cells = ["| | " + " | ".join(str(i) for i in range(len(LABELS))) + " |", "|---|" + "--:|" * len(LABELS)]
    for i, label in enumerate(LABELS):
        cells.append(f"| {i} `{label}` | " + " | ".join(str(n) if n else "·" for n in table[i]) + " |")
    often = "\n".join(f"- `{a}` taken for `{b}`: {n} times" for n, a, b in sorted(mixed, reverse=True)[:8])
    return f"""# {NAME}

**{SENTENCE}**
It was trained on drawings and on nothing else.

<!-- Written by models/demo/evaluate.py: change that, not this. -->

| | |
|---|---|
| network | `yolov5n-cls` (27 classes), YOLOv5 checkpoint in 16-bit floats |
| input | {IMGSZ} × {IMGSZ} px RGB; centre crop to the shorter side, bilinear resize, ImageNet mean and deviation |
| file | `{card["file"]}`, {card["bytes"]:,} bytes |
| SHA-256 | `{card["sha256"]}` |
| version | {card["version"]} |
| licence | {card["licence"]} (trained with the yolov5 package) |
| **accuracy on held-out drawings** | **{card["accuracy"]:.4f}** ({card["held_out_images"]} pictures) |

## What it is for

`make demo` and the tests need a network that answers like the real one and that everybody may have. Its answers to the
simulator's drawings are right nearly always, so a wrong answer in the demo points at the pipeline.
For a real trap, bring a checkpoint trained on photographs.

## How it was trained

`nice -n 5 python models/demo/train.py` draws {training["images"]} crops
({training["individuals_per_class"]} individuals of each class) with `krabbel/simulator/drawing.py`, then makes
{training["passes"]} ({training["seconds"]} seconds on 2 shared cores, seed {training["seed"]}): AdamW, one-cycle rate, label smoothing
0.05, bfloat16; mirrored, turned by quarters, brighter or darker. Training and held-out runs have different seeds, so no
individual is in both.
Versions: {", ".join(f"{k} {v}" for k, v in versions.items())}.
The same seed draws the same pictures; the weights, and the checksum with them, may differ from machine to machine.
{training.get("note", "")}

## Caveats

{chr(10).join(f"- {c}" for c in CAVEATS)}

## Per class, on held-out drawings

| class | precision | recall | pictures |
|---|--:|--:|--:|
{chr(10).join(rows)}

Most frequent mistakes:

{often or "none"}

## Confusion matrix

Rows are the true classes, columns the answers, in the same order.

![Confusion matrix](confusion.png)

{chr(10).join(cells)}
"""


def main() -> None:
    """Measure the checkpoint that is there."""
    torch.set_num_threads(2)
    training = json.loads((HERE / "card.json").read_text(encoding="utf-8"))["training"]
    print("accuracy", write_card(training, draw_crops(40, 3, HELD_OUT, workers=2)))


if __name__ == "__main__":
    main()
