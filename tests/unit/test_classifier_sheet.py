"""Thumbnail and contact sheet: size, uprightness, order, and nothing but pixels."""

import io

import pytest
from PIL import Image

from services.classifier.preprocess import UnreadableImage
from services.classifier.sheet import MOST_TILES, TILE_PX, chosen, contact_sheet, small, webp

SECRET = b"Secret Street 1"


def jpeg(width: int, height: int, colour: str = "red", *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = SECRET.decode(), orientation
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "JPEG", exif=exif, xmp=SECRET)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_small_picture_is_not_enlarged_and_a_large_one_fits_its_box():
    assert small(jpeg(132, 120), 320).size == (132, 120)
    assert small(jpeg(4000, 1000), 320).size == (320, 80)


def test_picture_is_turned_upright_and_nothing_else_of_exif_is_left():
    data = jpeg(200, 100, orientation=6)
    assert SECRET in data
    thumbnail = webp(small(data, 320))
    with opened(thumbnail) as image:
        assert (image.format, image.size) == ("WEBP", (100, 200))
        assert not image.getexif()
    assert SECRET not in thumbnail
    assert b"EXIF" not in thumbnail


@pytest.mark.parametrize("data", [b"", b"torn", jpeg(200, 200)[:300], b"GIF89a" + bytes(40)])
def test_what_is_no_picture_is_refused_in_words(data: bytes):
    with pytest.raises(UnreadableImage, match="cannot be decoded"):
        small(data, 320)


def test_sheet_shows_the_pictures_in_their_order():
    colours = ["red", "lime", "blue", "black", "white", "yellow", "cyan"]
    with opened(contact_sheet([small(jpeg(96, 96, colour), TILE_PX) for colour in colours])) as sheet:
        columns = (sheet.width - 4) // 100
        for number, colour in enumerate(colours):
            row, column = divmod(number, columns)
            at = (4 + column * 100 + 48, 4 + row * 100 + 48)
            seen, wanted = sheet.convert("RGB").getpixel(at), Image.new("RGB", (1, 1), colour).getpixel((0, 0))
            assert all(abs(a - b) < 40 for a, b in zip(seen, wanted, strict=True)), (number, colour, seen)


def test_sheet_of_many_is_no_larger_than_that_of_forty():
    assert chosen(3) == [0, 1, 2]
    some = chosen(1000)
    assert (some[0], some[-1], len(set(some))) == (0, 999, MOST_TILES)
    with opened(contact_sheet([Image.new("RGB", (132, 60))] * MOST_TILES)) as sheet:
        assert sheet.size == (804, 504)
