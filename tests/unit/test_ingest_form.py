"""A multipart form, however its bytes are cut, and whatever clients make of it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from proto.errors import InvalidUpload, NotAnImage, UploadTooLarge
from services.ingest.entry_file import EntryWriter
from services.ingest.form import Form, Limits
from services.ingest.images import inspect
from tests.unit.test_ingest_spool import crop

CROP = crop(1)
BODY = (
    b'--b\r\nContent-Disposition: form-data; name="start_date"\r\n\r\n2026-07-01 10:00:00\r\n'
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="gr\xc3\xbcn.jpg"\r\n\r\n' + CROP + b"\r\n--b--\r\n"
)
LIMITS = Limits(file_bytes=100_000, run_bytes=300_000, files=3, seconds=10, idle_seconds=10)


@pytest.fixture
def open_form(tmp_path: Path) -> Callable[..., Form]:
    def make(content_type: str = "multipart/form-data; boundary=b", limits: Limits = LIMITS) -> Form:
        writer = partial(EntryWriter, tmp_path / "a.part", partial(inspect, max_pixels=1_000_000))
        return Form(content_type, limits, writer, skip_unusable=False)

    return make


@pytest.mark.parametrize("cut", [1, 2, 7, 100, 10**6])
def test_form_is_the_same_however_its_bytes_are_cut(open_form: Callable[..., Form], cut: int) -> None:
    form = open_form()
    for start in range(0, len(BODY), cut):
        form.feed(BODY[start : start + cut], end=False)
    form.feed(b"", end=True)

    assert form.fields == {"start_date": "2026-07-01 10:00:00"}
    assert [(image.file_name, image.byte_size) for image in form.writer.images] == [("grün.jpg", len(CROP))]
    form.abort()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Disposition: form-data; name=files; filename=a.jpg",
        b"content-disposition:form-data;name=files",
        b'Content-Disposition: attachment; name="files"; filename="a.jpg"',
        b'Content-Disposition: form-data; name="files"; filename="\xff\xfe.jpg"\r\nContent-Type: application/x-odd',
    ],
)
def test_odd_headers_lose_no_image(open_form: Callable[..., Form], head: bytes) -> None:
    form = open_form()
    form.feed(b"--b\r\n" + head + b"\r\n\r\n" + CROP + b"\r\n--b--\r\nwhat comes behind is nobody's", end=True)
    assert len(form.writer.images) == 1
    form.abort()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (BODY[:-20], InvalidUpload),
        (b"", InvalidUpload),
        (BODY.replace(CROP, CROP[:-40]), NotAnImage),
        (BODY.replace(CROP, CROP + bytes(100_001)), UploadTooLarge),
        (b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n' * 4 + b"--b--", UploadTooLarge),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 51 + b"--b--", UploadTooLarge),
        (b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\nx\r\n--b--", InvalidUpload),
    ],
)
def test_what_is_no_whole_form_is_refused(
    open_form: Callable[..., Form], tmp_path: Path, body: bytes, error: type[Exception]
) -> None:
    form = open_form()
    with pytest.raises(error):
        form.feed(body, end=True)
    form.abort()
    assert not list(tmp_path.iterdir())


def test_upload_that_was_given_up_makes_no_file_any_more(open_form: Callable[..., Form], tmp_path: Path) -> None:
    form = open_form()
    form.abort()
    form.feed(BODY, end=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="])
def test_what_is_no_form_says_so(open_form: Callable[..., Form], kind: str) -> None:
    with pytest.raises(InvalidUpload, match="multipart/form-data"):
        open_form(kind)
