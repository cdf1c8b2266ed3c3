"""Images become input exactly as YOLOv5 makes them."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from services.classifier import preprocess
from services.classifier.network import class_names, normalise, softmax
from services.classifier.preprocess import MAX_PIXELS, UnreadableImage, is_plain_jpeg, prepare
from services.classifier.yolov5_package import yolov5_module


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(2, height // 7), max(2, width // 7), 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(128, 128, 128), (97, 61, 128), (61, 97, 128), (311, 200, 64), (40, 41, 224), (1, 9, 32)],
)
def test_input_is_bit_for_bit_yolov5s(width: int, height: int, size: int) -> None:
    image = picture(width, height)
    transforms = yolov5_module("yolov5.utils.augmentations").classify_transforms(size)
    bgr = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])  # as cv2.imread hands it to YOLOv5
    expected = transforms(bgr).numpy()
    prepared = prepare(encoded(image), size)
    np.testing.assert_array_equal(normalise(prepared.pixels[np.newaxis])[0], expected)
    assert (prepared.width, prepared.height) == (width, height)


def test_jpeg_is_decoded_as_opencv_does() -> None:
    data = encoded(picture(120, 90), "JPEG", quality=85)
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    crop = yolov5_module("yolov5.utils.augmentations").CenterCrop(64)(bgr)[:, :, ::-1]
    difference = np.abs(prepare(data, 64).pixels.transpose(1, 2, 0).astype(int) - crop.astype(int))
    assert difference.max() <= 2  # the two carry different builds of libjpeg-turbo


@pytest.mark.parametrize("seed", range(24))
def test_quick_way_for_jpeg_gives_what_pillow_gives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    width, height = (int(side) for side in random.integers(1, 200, 2))
    exif = Image.Exif()
    exif[0x0112] = 1 + seed % 8  # every way to hold a camera
    data = encoded(
        picture(width, height, seed).convert("L" if seed % 5 == 0 else "RGB"),
        "JPEG",
        quality=int(random.integers(30, 100)),
        progressive=bool(seed % 2),
        exif=exif.tobytes(),
        **({} if seed % 5 == 0 else {"subsampling": seed % 3}),
    )
    assert is_plain_jpeg(data)
    quick = prepare(data, 48)
    monkeypatch.setattr(preprocess, "is_plain_jpeg", lambda _: False)
    slow = prepare(data, 48)
    np.testing.assert_array_equal(quick.pixels, slow.pixels)
    assert (quick.width, quick.height, quick.sharpness) == (slow.width, slow.height, slow.sharpness)


def test_jpeg_that_is_torn_huge_or_of_other_colours_is_not_plain() -> None:
    whole = encoded(picture(40, 40), "JPEG")
    assert is_plain_jpeg(whole)
    assert not is_plain_jpeg(whole[:-2])
    assert not is_plain_jpeg(encoded(picture(40, 40).convert("CMYK"), "JPEG"))
    frame = whole.index(b"\xff\xc0")
    assert not is_plain_jpeg(whole[: frame + 5] + b"\xff\xff\xff\xff" + whole[frame + 9 :])
    assert prepare(encoded(picture(40, 40).convert("CMYK"), "JPEG"), 32).pixels.shape == (3, 32, 32)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.99])
def test_jpeg_that_ends_too_early_yet_properly_is_what_pillow_makes_of_it(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = encoded(picture(60, 60), "JPEG")
    data = whole[: int(len(whole) * share)] + b"\xff\xd9"
    found = []
    for quick in (True, False):
        if not quick:
            monkeypatch.setattr(preprocess, "is_plain_jpeg", lambda _: False)
        try:
            found.append(prepare(data, 32).pixels.tobytes())
        except UnreadableImage:
            found.append(b"")
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_all_accepted_formats_and_modes_can_be_read(kind: str, mode: str) -> None:
    pixels = prepare(encoded(picture(50, 50).convert(mode), kind), 32).pixels
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint8
    assert pixels.flags["C_CONTIGUOUS"]


def test_transparent_png_can_be_read() -> None:
    assert prepare(encoded(picture(50, 50).convert("RGBA")), 32).pixels.shape == (3, 32, 32)


def test_exif_orientation_is_obeyed() -> None:
    image = picture(80, 80)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees clockwise to be upright
    turned = prepare(encoded(image, "PNG", exif=exif.tobytes()), 80).pixels
    np.testing.assert_array_equal(turned, np.rot90(prepare(encoded(image), 80).pixels, -1, axes=(1, 2)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image",
        encoded(picture(40, 40), "JPEG")[:300],
        encoded(picture(40, 40), "GIF"),
        encoded(picture(40, 40), "PNG")[:60],
    ],
    ids=["empty", "text", "torn jpeg", "gif", "torn png"],
)
def test_what_is_no_image_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableImage):
        prepare(data, 32)


def test_image_with_too_many_pixels_is_not_decoded() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    data = encoded(Image.new("1", (side, side)))
    with pytest.raises(UnreadableImage, match="pixels"):
        prepare(data, 32)


def test_sharp_picture_is_sharper_than_blurred_one() -> None:
    sharp = picture(100, 100)
    blurred = sharp.resize((8, 8)).resize((100, 100))
    assert prepare(encoded(sharp), 64).sharpness > 2 * prepare(encoded(blurred), 64).sharpness


def test_softmax_is_torchs() -> None:
    logits = np.array([[1000.0, 999.0, -5.0], [0.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(softmax(logits), torch.from_numpy(logits).softmax(1).numpy(), atol=1e-7)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ("a", "b")),
        ({0: "a", 1: "b"}, ("a", "b")),
        ({"1": "b", "0": "a"}, ("a", "b")),
    ],
)
def test_class_names_are_read_as_yolov5_writes_them(names: object, expected: tuple[str, ...]) -> None:
    assert class_names(names) == expected


@pytest.mark.parametrize("names", [None, [], {}, {0: "a", 2: "b"}, 5])
def test_missing_class_names_are_an_error(names: object) -> None:
    with pytest.raises(ValueError, match="names"):
        class_names(names)
