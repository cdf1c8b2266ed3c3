"""Names of form parts, as all sorts of clients write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.disposition import part_names


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (None, ("", None)),
        ("", ("", None)),
        ("form-data", ("", None)),
        ('form-data; name="start_date"', ("start_date", None)),
        ("form-data; name=start_date", ("start_date", None)),
        ('form-data; name="files"; filename="a b.jpg"', ("files", "a b.jpg")),
        ("form-data; name=files; filename=a.jpg", ("files", "a.jpg")),
        ('form-data; filename="a;b=c.jpg"; name="files"', ("files", "a;b=c.jpg")),
        ('FORM-DATA; NAME="files"; FileName="a.jpg"', ("files", "a.jpg")),
        (r'form-data; name="files"; filename="say \"hi\".jpg"', ("files", 'say "hi".jpg')),
        (r'form-data; name="files"; filename="C:\sd\a.jpg"', ("files", r"C:\sd\a.jpg")),
        ("form-data; name=\"files\"; filename*=utf-8''k%C3%A4fer.jpg", ("files", "käfer.jpg")),
        ('form-data; name="files"; filename="x"; filename*=UTF-8\'\'y%20z', ("files", "y z")),
        ("form-data; name=\"files\"; filename*=klingon''a%FF", ("files", "a\ufffd")),
        ('form-data; name="files"; filename=""', ("files", "")),
        ('form-data; name="files"; filename="käfer.jpg"', ("files", "käfer.jpg")),
        ('form-data; name="unclosed', ("unclosed", None)),
    ],
)
def test_names_of_parts(header: str | None, names: tuple[str, str | None]) -> None:
    assert part_names(header) == names


@given(st.text(max_size=300))
def test_no_header_breaks_it(header: str) -> None:
    name, filename = part_names(header)
    assert isinstance(name, str)
    assert filename is None or isinstance(filename, str)
