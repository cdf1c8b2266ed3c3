"""From a file's bytes to a network's input, the same for every model format, bit for bit as YOLOv5 does it.

YOLOv5's ``CenterCrop`` (utils/augmentations.py) crops a square of the shorter side from the middle and resizes it with
OpenCV's bilinear interpolation; so does this, with the same OpenCV function. OpenCV and Pillow release the GIL, so
several threads decode at once.
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageOps

from services.classifier.network import Pixels

MAX_PIXELS = 64_000_000
"""Larger images are refused before they are decoded. Trap crops have 40 to 200 px a side."""

FORMATS = ("JPEG", "PNG", "WEBP")


class UnreadableImage(Exception):
    """The bytes are no image that can be decoded; trying again will not help."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image, ready for a network, and what the choice of the best picture needs to know of it."""

    pixels: Pixels
    """[3, S, S], RGB, 0 to 255"""
    width: int
    height: int
    sharpness: float
    """Variance of the Laplacian of the resized grey picture, in grey levels squared; larger is sharper"""


def prepare(data: bytes, size: int) -> Prepared:
    """Decode an image, turn it upright (EXIF), crop it to a square and resize it to ``size`` px.

    Raises:
        UnreadableImage: it is not JPEG, PNG or WebP, is broken, or has too many pixels.
    """
    image = _decode(data)
    pixels = centre_crop(image, size)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return Prepared(
        pixels=np.ascontiguousarray(pixels.transpose(2, 0, 1)),
        width=image.shape[1],
        height=image.shape[0],
        sharpness=sharpness,
    )


def centre_crop(image: Pixels, size: int) -> Pixels:
    """Return the middle square of an image [H, W, 3], resized to [size, size, 3]."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    resized: Pixels = np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    return resized


def _decode(data: bytes) -> Pixels:
    """Return the upright image [H, W, 3], RGB."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage(f"has {image.width} x {image.height} pixels, more than {MAX_PIXELS}")
            upright = ImageOps.exif_transpose(image)
            return np.asarray(upright.convert("RGB"), np.uint8)
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on broken files
        raise UnreadableImage(f"cannot be decoded ({type(error).__name__}: {error})") from error
