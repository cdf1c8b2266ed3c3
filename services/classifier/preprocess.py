"""From a file's bytes to a network's input, the same for every model format, bit for bit as YOLOv5 does it.

YOLOv5's ``CenterCrop`` (utils/augmentations.py) crops a square of the shorter side from the middle and resizes it with
OpenCV's bilinear interpolation; so does this, with the same OpenCV function. Plain JPEGs, which is what traps send, are
decoded by OpenCV too, as YOLOv5 does it: in a third of the time that Pillow takes, and without Python's lock. Pillow
decodes all else, and says what is wrong with files that are broken.
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
_FRAMES = (0xC0, 0xC1, 0xC2)
"""JPEG's frames by Huffman coding: baseline, extended, progressive"""
_PASSED_OVER = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xEE)})
"""Tables, comments and application data. Not 0xEE: Adobe's segment may say that the colours are no YCbCr"""
_BITS, _CHANNELS = 8, (1, 3)


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


def keep_to_one_thread() -> None:
    """Let OpenCV work in the caller's thread alone (yolov5 says so too, where it is imported): crops are too small to
    be shared out, and the workers' threads are counted.
    """
    cv2.setNumThreads(0)


def prepare(data: bytes, size: int) -> Prepared:
    """Decode an image, turn it upright (EXIF), crop it to a square and resize it to ``size`` px.

    Raises:
        UnreadableImage: it is not JPEG, PNG or WebP, is broken, or has too many pixels.
    """
    image = _decode(data)
    pixels = centre_crop(image, size)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    sharpness = float(deviation[0, 0]) ** 2
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
    if is_plain_jpeg(data):
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if decoded is not None:
            return np.asarray(decoded, np.uint8)
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


def is_plain_jpeg(data: bytes) -> bool:
    """Say whether the bytes are a whole JPEG, grey or YCbCr, of so many pixels that it may be decoded.

    It reads the header's segments up to the frame's size, and looks whether the file ends as a JPEG does: OpenCV would
    fill up a torn one with grey. Whatever is unusual in any way is not plain.
    """
    if not data.startswith(b"\xff\xd8\xff") or not data.endswith(b"\xff\xd9"):
        return False
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker in _FRAMES:
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
            usual = data[at + 4] == _BITS and data[at + 9] in _CHANNELS
            return usual and 0 < width * height <= MAX_PIXELS
        if marker not in _PASSED_OVER:
            return False
        at += 2 + length
    return False
