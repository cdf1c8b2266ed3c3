"""Drawn crops as training arrays. Nothing here has seen a photograph.

Pictures go the way that a trap's pictures go: drawn, sent as JPEG, decoded, and preprocessed as YOLOv5 classification
does (centre crop to the shorter side, bilinear resize).
"""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from yolov5.utils.augmentations import CenterCrop

from krabbel.simulator.drawing import LABELS, draw_run

IMGSZ = 128
HELD_OUT = 1_000_000  # run seeds from here on are never trained on


@dataclass(frozen=True)
class Crops:
    """images: uint8 (n, 3, 128, 128) RGB; labels: int64 (n,), index into LABELS."""

    images: np.ndarray
    labels: np.ndarray


def _draw(job: tuple[int, int, int]) -> np.ndarray:
    """One individual as uint8 (frames, 3, 128, 128) RGB."""
    index, seed, frames = job
    cv2.setNumThreads(1)
    rng = random.Random(f"jpeg:{index}:{seed}")
    crop = CenterCrop(IMGSZ)
    pictures = []
    for frame in draw_run(LABELS[index], seed, frames):
        data = np.frombuffer(frame.jpeg_bytes(rng.randint(70, 95)), np.uint8)
        pictures.append(crop(cv2.imdecode(data, cv2.IMREAD_COLOR)).transpose(2, 0, 1)[::-1])
    return np.stack(pictures)


def draw_crops(runs: int, frames: int, first_seed: int, workers: int) -> Crops:
    """`frames` pictures of each of `runs` individuals per class, run seeds counting from `first_seed`."""
    jobs = [(index, first_seed + run, frames) for index in range(len(LABELS)) for run in range(runs)]
    with ProcessPoolExecutor(workers) as pool:
        images = np.concatenate(list(pool.map(_draw, jobs, chunksize=32)))
    return Crops(images, np.repeat(np.array([index for index, _, _ in jobs], dtype=np.int64), frames))
