"""The camera: shadows, movement, focus, light, noise and compression, from a sketch to a picture."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from krabbel.simulator.drawing_platform import Light, Platform
from krabbel.simulator.drawing_sketch import Placement, Point, Sketch

Pixels = npt.NDArray[np.float32]  # (height, width, 3), 0 to 255


@dataclass(frozen=True, slots=True)
class Shot:
    """How one frame is taken."""

    left: float  # of the crop on the platform, pixels
    top: float
    width: int
    height: int
    place: Placement  # of the animal on the platform, pixels
    motion: Point  # of the animal during the exposure, pixels
    focus: float  # blur radius, pixels
    noise: float  # sigma, levels
    quality: int  # of the JPEG that the camera encodes


def photograph(
    sketch: Sketch, platform: Platform, light: Light, shot: Shot, rng: random.Random, *, shadow_only: bool = False
) -> Image.Image:
    """Take the picture: RGB, shot.width by shot.height pixels."""
    fine = 4 if max(shot.width, shot.height) <= 90 else 3 if max(shot.width, shot.height) <= 150 else 2
    canvas = platform.window(shot.left, shot.top, shot.width, shot.height, fine)
    moved = math.hypot(*shot.motion) > 0.8 and bool(sketch.shapes) and not shadow_only
    if sketch.shapes:
        _darken(canvas, _shadow_mask(sketch, light, shot), 0.55 if shadow_only else light.shadow)
    empty = _pixels(canvas.reduce(fine)) if moved else None
    if not shadow_only:
        sketch.render(canvas, _seen(shot, fine), thin=0.8 * fine)
    picture = _pixels(canvas.reduce(fine))
    if empty is not None:
        picture = empty + _smear(picture - empty, shot.motion)
    return _develop(picture, light, shot, rng)


def _seen(shot: Shot, fine: float) -> Placement:
    x, y = (shot.place.centre[0] - shot.left) * fine, (shot.place.centre[1] - shot.top) * fine
    return Placement((x, y), shot.place.heading, shot.place.scale * fine, shot.place.roll, shot.place.bend)


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.float32)


def _shadow_mask(sketch: Sketch, light: Light, shot: Shot) -> Image.Image:
    """Where the light is held off, L, one value a crop pixel."""
    mask = Image.new("L", (shot.width, shot.height), 0)
    reach = (light.reach[0] * shot.place.scale, light.reach[1] * shot.place.scale)
    sketch.render(mask, _seen(shot, 1.0), shadow=True, offset=reach, thin=0.8)
    return mask.filter(ImageFilter.GaussianBlur(light.blur))


def _darken(canvas: Image.Image, mask: Image.Image, depth: float) -> None:
    veil = mask.resize(canvas.size, Image.Resampling.BILINEAR).point(lambda level: level * depth)
    canvas.paste((8, 14, 20), (0, 0), veil)


def _smear(layer: Pixels, motion: Point) -> Pixels:
    """Motion blur: the mean of the layer along the way; beyond the crop its edge pixels go on."""
    steps = max(2, round(math.hypot(*motion)))
    pad = math.ceil(max(abs(motion[0]), abs(motion[1])) / 2) + 1
    wide = np.pad(layer, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    height, width, _ = layer.shape
    total = np.zeros_like(layer)
    for k in range(steps + 1):
        dx, dy = (pad + round(m * (k / steps - 0.5)) for m in motion)
        total += wide[dy : dy + height, dx : dx + width]
    return total / np.float32(steps + 1)


def _develop(picture: Pixels, light: Light, shot: Shot, rng: random.Random) -> Image.Image:
    """Light, focus, sensor noise, compression."""
    grain = np.random.default_rng(rng.getrandbits(64))
    rows, cols = np.ogrid[: shot.height, : shot.width]
    if light.shade is not None:
        angle, phase, depth = light.shade
        across = (cols + shot.left) * math.cos(angle) + (rows + shot.top) * math.sin(angle)
        edge = 1 / (1 + np.exp(-8.0 * np.sin(across / 70.0 + phase)))
        picture = picture * (1 - (1 - depth) * edge[..., None]).astype(np.float32)
    noise = grain.standard_normal((shot.height, shot.width, 1), dtype=np.float32) * np.float32(shot.noise)
    tint = grain.standard_normal((shot.height, shot.width, 3), dtype=np.float32) * np.float32(shot.noise * 0.5)
    picture = picture * np.array(light.gain, dtype=np.float32)
    image = Image.fromarray(np.clip(picture + noise + tint, 0, 255).astype(np.uint8))
    if shot.focus > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(shot.focus))
    coded = io.BytesIO()
    image.save(coded, "JPEG", quality=shot.quality)
    decoded = Image.open(coded)
    decoded.load()
    return decoded
