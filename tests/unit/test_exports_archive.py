"""The ZIP archive that is sent while it is made, and the lines of its tables, hold what was put in."""

import csv
import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.exports import archive as archive_module
from services.query.exports.archive import Archive, Spool
from services.query.exports.layout import Layout, TabLayout

AT = datetime(2026, 7, 1, 10, 20, 30, tzinfo=UTC)
COLUMNS = ("a", "b", "c", "d")
VALUES = st.tuples(st.text(max_size=12), st.text(alphabet='a,"\n\r\t', max_size=6))


def an_archive(pictures: dict[str, bytes], streamed: list[bytes], spooled: list[bytes]) -> bytes:
    archive, spool = Archive(AT), Spool()
    pieces = [archive.stored(name, data) for name, data in pictures.items()]
    pieces.append(archive.begin("streamed.csv"))
    for data in streamed:
        pieces.append(archive.write(data))
    pieces.append(archive.finish())
    for data in spooled:
        spool.write(data)
    pieces += archive.spooled("gespült.csv", spool)
    spool.close()
    return b"".join([*pieces, archive.table("small.json", b"{}"), archive.end()])


@given(
    st.dictionaries(st.text("abc/ä", min_size=1, max_size=8), st.binary(max_size=300), max_size=4),
    st.lists(st.binary(max_size=300), max_size=4),
    st.lists(st.binary(max_size=300), max_size=4),
)
def test_archive_holds_what_was_put_in(pictures: dict[str, bytes], streamed: list[bytes], spooled: list[bytes]):
    with zipfile.ZipFile(io.BytesIO(an_archive(pictures, streamed, spooled))) as found:
        assert found.testzip() is None
        assert found.namelist() == [*pictures, "streamed.csv", "gespült.csv", "small.json"]
        assert {name: found.read(name) for name in pictures} == pictures
        assert found.read("streamed.csv") == b"".join(streamed)
        assert found.read("gespült.csv") == b"".join(spooled)
        assert found.infolist()[-1].date_time == (2026, 7, 1, 10, 20, 30)


def test_other_programs_read_it_too(tmp_path: Path):
    file = tmp_path / "it.zip"
    file.write_bytes(an_archive({"x.jpg": b"picture"}, [b"a,b\n" * 10_000], [b"c,d\n"]))
    if shutil.which("unzip") is None:
        pytest.skip("unzip is missing")
    checked = subprocess.run(["unzip", "-t", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_archive_beyond_the_old_limits_is_still_read(monkeypatch: pytest.MonkeyPatch):
    # Limits so low that everything is beyond them; only the 64-bit fields can tell the truth then.
    archive = Archive(AT)
    archive._position = 5 * 2**32
    pieces = archive.table("late.csv", b"x" * 1000) + archive.end()
    entry = archive._entries[0]
    assert entry.offset == 5 * 2**32
    assert (5 * 2**32).to_bytes(8, "little") in pieces[pieces.index(b"PK\1\2") :]
    assert pieces[-98:-94] == b"PK\6\6"
    many = Archive(AT)
    body = b"".join(many.stored(f"{number}", b"") for number in range(70_000)) + many.end()
    assert len(zipfile.ZipFile(io.BytesIO(body)).namelist()) == 70_000
    assert archive_module.LEVEL == 1


@given(st.lists(VALUES, max_size=8))
def test_lines_are_read_back_as_they_were(rows: list[tuple[str, str]]):
    layout = Layout(COLUMNS, ("b", "d"))
    text = layout.header() + layout.text(rows)
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [list(COLUMNS), *(["", first, "", second] for first, second in rows)]


@given(st.lists(VALUES, max_size=8))
def test_tab_lines_have_as_many_fields_as_columns(rows: list[tuple[str, str]]):
    lines = TabLayout(("b", "d")).text(rows).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(rows)
    assert all(line.count("\t") == 1 and len(line.splitlines()) <= 1 for line in lines)


def test_fields_must_stand_in_the_columns_order():
    with pytest.raises(ValueError, match="order"):
        Layout(COLUMNS, ("d", "b"))
    with pytest.raises(ValueError, match="order"):
        Layout(COLUMNS, ("e",))
