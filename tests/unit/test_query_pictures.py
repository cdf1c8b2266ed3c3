"""Pictures lose their metadata and nothing else."""

import io

import pytest
from PIL import Image, PngImagePlugin

from services.query.picture_privacy import UnreadablePicture, without_metadata

SECRET = b"Secret Street 1"


def saved(kind: str, **options) -> bytes:
    image = Image.effect_mandelbrot((40, 30), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif, **options)
    return buffer.getvalue()


def png_info() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET.decode())
    info.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    return info


PICTURES = {
    "jpeg": ("image/jpeg", saved("JPEG", comment=SECRET, xmp=SECRET)),
    "progressive jpeg": ("image/jpeg", saved("JPEG", progressive=True, comment=SECRET)),
    "jpeg with restarts": ("image/jpeg", saved("JPEG", restart_marker_blocks=1)),
    "jpeg with data behind its end": ("image/jpeg", saved("JPEG") + SECRET),
    "png": ("image/png", saved("PNG", pnginfo=png_info())),
    "png with data behind its end": ("image/png", saved("PNG") + SECRET),
    "webp": ("image/webp", saved("WEBP", xmp=SECRET)),
    "lossless webp": ("image/webp", saved("WEBP", lossless=True)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_metadata_goes_and_pixels_stay(name):
    content_type, data = PICTURES[name]
    assert SECRET in data
    clean = without_metadata(data, content_type)
    assert SECRET not in clean
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(clean)) as after:
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()
        assert not after.getexif()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_breaks_off_is_refused_or_shown_without_secrets(name):
    content_type, data = PICTURES[name]
    for length in range(0, len(data) - 1, 7):
        try:
            assert SECRET not in without_metadata(data[:length], content_type)
        except UnreadablePicture:
            continue


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png", "image/webp"])
def test_something_else_is_refused(content_type):
    with pytest.raises(UnreadablePicture):
        without_metadata(b"<html><script>alert(1)</script></html>", content_type)


def test_an_orientation_is_metadata_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4)).save(buffer, "JPEG", exif=exif)
    with Image.open(io.BytesIO(without_metadata(buffer.getvalue(), "image/jpeg"))) as clean:
        assert clean.size == (8, 4)
