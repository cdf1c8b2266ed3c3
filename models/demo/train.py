"""Train the demo network on drawn crops and save it as a YOLOv5 `-cls` checkpoint.

    nice -n 5 python models/demo/train.py      # about ten minutes on two cores; writes the model, its card and pictures

Needs the `classifier` extra. The network, its preprocessing and its checkpoint are the yolov5 package's own
(`yolov5n-cls`: the backbone of yolov5n with a classification head, as `classify/train.py` builds, saves and strips it).
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import yolov5
from dataset import HELD_OUT, IMGSZ, Crops, draw_crops
from evaluate import CHECKPOINT, write_card
from torch import nn
from torchvision.transforms import functional as tf
from yolov5.models.yolo import ClassificationModel, DetectionModel
from yolov5.utils.augmentations import IMAGENET_MEAN, IMAGENET_STD, classify_transforms

from krabbel.simulator.drawing import LABELS

MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
STD = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)


def build() -> ClassificationModel:
    """An untrained yolov5n-cls for our classes."""
    detector = DetectionModel(str(Path(yolov5.__file__).parent / "models" / "yolov5n.yaml"), ch=3, nc=80)
    model = ClassificationModel(model=detector, nc=len(LABELS), cutoff=10)
    model.names = dict(enumerate(LABELS))
    model.transforms = classify_transforms(IMGSZ)
    return model


def batch(crops: Crops, pick: np.ndarray, size: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised input (n, 3, size, size), mirrored, turned by quarters, brighter or darker, and labels (n,)."""
    images = torch.from_numpy(crops.images[pick])
    if rng.random() < 0.5:
        images = images.flip(3)
    images = torch.rot90(images, int(rng.integers(4)), (2, 3)).float() / 255
    gain = torch.from_numpy(rng.normal(1.0, 0.08, (len(pick), 3 if rng.random() < 0.5 else 1, 1, 1))).float()
    images = (images * gain).clamp(0, 1)
    if size != IMGSZ:
        images = tf.resize(images, [size, size], antialias=True)
    return (images - MEAN) / STD, torch.from_numpy(crops.labels[pick])


def fit(model: ClassificationModel, crops: Crops, sizes: list[int], seed: int, rate: float, batch_size: int) -> float:
    """One pass for each entry of `sizes` (side in pixels: small first, for speed). Returns the seconds it took."""
    rng = np.random.default_rng(seed)
    steps = len(crops.labels) // batch_size
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps * len(sizes), pct_start=0.2)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    model.to(memory_format=torch.channels_last).train()
    start = time.monotonic()
    for epoch, size in enumerate(sizes, 1):
        order, right, total = rng.permutation(len(crops.labels)), 0, 0.0
        for step in range(steps):
            inputs, labels = batch(crops, order[step * batch_size : (step + 1) * batch_size], size, rng)
            with torch.autocast("cpu", torch.bfloat16):
                scores = model(inputs.contiguous(memory_format=torch.channels_last))
            loss = criterion(scores.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            schedule.step()
            right, total = right + int((scores.argmax(1) == labels).sum()), total + loss.item()
        seen = steps * batch_size
        took = f"{time.monotonic() - start:.0f} s"
        print(
            f"pass {epoch}/{len(sizes)} at {size} px: loss {total / steps:.3f}, right {right / seen:.3f}, {took}",
            flush=True,
        )
    return time.monotonic() - start


def save(model: ClassificationModel, path: Path, options: dict[str, object]) -> None:
    """Write what yolov5's classify/train.py leaves after strip_optimizer."""
    model = model.to(memory_format=torch.contiguous_format).eval().half()
    for parameter in model.parameters():
        parameter.requires_grad = False
    now = datetime.now(UTC).isoformat()
    stripped = {"epoch": -1, "best_fitness": None, "ema": None, "updates": None, "optimizer": None, "date": now}
    torch.save({**stripped, "model": model, "opt": options}, path)


def main() -> None:
    """Draw, train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20240521)
    parser.add_argument("--runs", type=int, default=260, help="individuals per class")
    parser.add_argument("--frames", type=int, default=2, help="pictures per individual")
    parser.add_argument("--small", type=int, default=5, help="passes at 96 px")
    parser.add_argument("--full", type=int, default=7, help="passes at 128 px")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--held-out", type=int, default=40, help="individuals per class to measure on, 3 pictures each")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(2)
    start = time.monotonic()
    crops = draw_crops(args.runs, args.frames, 0, args.workers)
    print(f"{len(crops.labels)} crops drawn in {time.monotonic() - start:.0f} s", flush=True)
    model = build()
    seconds = fit(model, crops, [96] * args.small + [IMGSZ] * args.full, args.seed, args.rate, args.batch)
    save(model, CHECKPOINT, {"model": "yolov5n-cls", "imgsz": IMGSZ, **vars(args)})
    training = {
        "seed": args.seed,
        "images": len(crops.labels),
        "individuals_per_class": args.runs,
        "passes": f"{args.small} passes at 96 px and {args.full} at 128 px",
        "seconds": round(seconds),
    }
    print("accuracy", write_card(training, draw_crops(args.held_out, 3, HELD_OUT, args.workers)))


if __name__ == "__main__":
    main()
