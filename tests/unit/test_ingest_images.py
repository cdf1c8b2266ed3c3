"""Which files are images that Krabbel takes."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from proto.errors import NotAnImage, UploadTooLarge
from services.ingest.images import inspect

LIMIT = 1_000_000


def picture(file_format: str = "JPEG", size: tuple[int, int] = (120, 80), **options: object) -> bytes:
    image = Image.effect_noise(size, 60).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture(exif=exif)


def png_bomb() -> bytes:
    """A PNG of 30000 x 30000 pixels in a few hundred bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 9999))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "content_type", "size"),
    [
        (picture("JPEG"), "image/jpeg", (120, 80)),
        (picture("JPEG", progressive=True), "image/jpeg", (120, 80)),
        (picture("PNG"), "image/png", (120, 80)),
        (picture("WEBP"), "image/webp", (120, 80)),
        (picture("JPEG", (1, 1)), "image/jpeg", (1, 1)),
        (turned(1), "image/jpeg", (120, 80)),
        (turned(6), "image/jpeg", (80, 120)),
        (turned(99), "image/jpeg", (120, 80)),
    ],
)
def test_images_are_known_by_their_content(data: bytes, content_type: str, size: tuple[int, int]) -> None:
    facts = inspect(io.BytesIO(data), "wrong-name.txt", LIMIT)

    assert (facts.content_type, (facts.width, facts.height)) == (content_type, size)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"GIF89a" + b"\0" * 100,
        picture("BMP"),
        picture("TIFF"),
        picture("JPEG")[:200],
        picture("JPEG")[:-500],
        picture("PNG")[:-300],
        picture("WEBP")[:-300],
        b"\xff\xd8\xff\xe0" + b"\0" * 50,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
    ],
)
def test_broken_and_foreign_files_are_refused(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        inspect(io.BytesIO(data), "crop.jpg", LIMIT)


@pytest.mark.parametrize("make", [png_bomb, lambda: picture("JPEG", (1200, 1000)), lambda: picture("PNG", (2000, 600))])
def test_too_many_pixels_are_refused_before_they_are_decoded(make: Callable[[], bytes]) -> None:
    with pytest.raises(UploadTooLarge):
        inspect(io.BytesIO(make()), "bomb.png", LIMIT)


def test_a_large_picture_within_the_limit_is_taken() -> None:
    assert inspect(io.BytesIO(picture("JPEG", (2400, 1800))), "frame.jpg", 16_000_000).width == 2400


@settings(max_examples=150, deadline=None)
@given(
    base=st.sampled_from([picture("JPEG"), picture("PNG"), picture("WEBP")]),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=8)), max_size=12),
    cut=st.integers(0, 12_000),
)
def test_mutilated_images_are_taken_or_refused_and_never_break_anything(
    base: bytes, edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(base)
    for position, patch in edits:
        at = position % len(data)
        data[at : at + len(patch)] = patch
    try:
        facts = inspect(io.BytesIO(bytes(data[:cut])), "x", LIMIT)
    except (NotAnImage, UploadTooLarge):
        return
    assert facts.width * facts.height <= LIMIT
