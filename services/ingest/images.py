"""Is this file an image that Krabbel takes? Pillow decides, on the whole file, within bounds of memory.

The header alone proves nothing: a crop cut off by a dying SD card has a fine header. So every pixel's data is decoded
once. JPEG is decoded at an eighth of its size (all its data is still read, a 64th of the memory is used). Nothing is
changed: the bytes that are stored are the bytes that came (docs/decisions).
"""

import threading
from dataclasses import dataclass
from typing import IO

from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin

from proto.errors import NotAnImage, UploadTooLarge

CONTENT_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
PLUGINS = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Imported by name, so that Pillow need not look for (and load) its forty others."""
MAX_FRAMES = 200
SMALL_PIXELS = 1_000_000
_ORIENTATION = 0x0112
_TURNED = {5, 6, 7, 8}
"""EXIF orientations that swap width and height."""

# One large image at a time: a decoded picture of 16 million pixels is 64 MB, and two of them would break the promise
# of 150 MB. Crops, which is what traps send, pass by without waiting.
_large = threading.Lock()


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What we know of an image. Width and height are as people see it: after its EXIF orientation."""

    content_type: str
    width: int
    height: int


def inspect(stream: IO[bytes], name: str, max_pixels: int) -> ImageFacts:
    """Decode an image completely and return its facts. Blocks and computes: call it in a thread.

    Args:
        stream: the file's bytes, seekable.
        name: what the client calls the file, for the message only.
        max_pixels: most pixels (width x height) to decode.

    Raises:
        NotAnImage: no JPEG, PNG or WebP, or a broken one.
        UploadTooLarge: more pixels than allowed; they were not decoded.
    """
    shown = name[:80]
    try:
        with Image.open(stream, formats=("JPEG", "PNG", "WEBP")) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise UploadTooLarge(f"{shown!r} has {width} x {height} pixels; at most {max_pixels} are taken.")
            if getattr(image, "n_frames", 1) > MAX_FRAMES:
                raise UploadTooLarge(f"{shown!r} is an animation of more than {MAX_FRAMES} frames.")
            if image.format == "MPO":
                image.seek(0)
            content_type = CONTENT_TYPES[image.format or ""]
            turned = image.getexif().get(_ORIENTATION) in _TURNED
            if content_type == "image/jpeg":
                image.draft("L", (max(1, width // 8), max(1, height // 8)))
            if width * height > SMALL_PIXELS:
                with _large:
                    image.load()
            else:
                image.load()
    except (UploadTooLarge, NotAnImage):
        raise
    except UnidentifiedImageError as error:
        raise NotAnImage(f"{shown!r} is no JPEG, PNG or WebP image.") from error
    except (MemoryError, Image.DecompressionBombError) as error:
        raise UploadTooLarge(f"{shown!r} needs more memory than there is.") from error
    except Exception as error:
        # Pillow raises nearly anything on hostile bytes (SyntaxError, struct.error, ...): all mean "broken file"
        raise NotAnImage(f"{shown!r} is a broken image ({type(error).__name__}).") from error
    if turned:
        width, height = height, width
    return ImageFacts(content_type, width, height)
