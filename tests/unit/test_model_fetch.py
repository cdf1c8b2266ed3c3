"""``krabbel model fetch``: from a local server; a wrong byte is refused."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from krabbel.model_fetch import PUBLISHED, PublishedModel, fetch, git_blob_id
from proto.errors import ModelRefused, Unavailable
from services.classifier.model_file import read_card

CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server that has the file, one with a wrong byte, and counts nothing."""
    pages = {"/good.onnx": CONTENT, "/bad.onnx": CONTENT[:-1] + b"x", "/large.onnx": CONTENT * 3}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A proxy is asked for the whole address, a server for the path.
            page = pages.get("/" + self.path.rpartition("/")[2])
            self.send_response(200 if page else 404)
            self.send_header("Content-Length", str(len(page or b"")))
            self.send_header("X-Asked", self.path)
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def published(url: str) -> PublishedModel:
    return replace(PUBLISHED["insect-detect"], url=url, git_blob_id=git_blob_id(CONTENT), max_bytes=2 * len(CONTENT))


def test_blob_id_is_gits() -> None:
    assert git_blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"  # the empty file, in every repository


def test_file_is_downloaded_checked_and_gets_a_card(server: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(published(f"{server}/good.onnx"), tmp_path / "models", progress=lambda *now: seen.append(now))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    sha256 = json.loads(path.with_suffix(".card.json").read_text())["sha256"]
    card = read_card(path, sha256)
    assert card is not None
    assert (card.name, card.image_size, card.demo) == ("insect-detect-efficientnet-b0", 128, False)


def test_file_that_is_there_is_not_downloaded_again(server: str, tmp_path: Path) -> None:
    fetch(published(f"{server}/good.onnx"), tmp_path)
    assert fetch(published("http://127.0.0.1:9/nowhere.onnx"), tmp_path).read_bytes() == CONTENT


def test_file_that_was_damaged_is_downloaded_again(server: str, tmp_path: Path) -> None:
    path = fetch(published(f"{server}/good.onnx"), tmp_path)
    path.write_bytes(b"torn")
    assert fetch(published(f"{server}/good.onnx"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(("page", "reason"), [("bad.onnx", "git blob id"), ("large.onnx", "more than")])
def test_wrong_byte_is_refused_and_nothing_is_kept(server: str, tmp_path: Path, page: str, reason: str) -> None:
    with pytest.raises(ModelRefused, match=reason):
        fetch(published(f"{server}/{page}"), tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_mirror_and_file_can_be_named_instead(server: str, tmp_path: Path) -> None:
    elsewhere = published("http://127.0.0.1:9/good.onnx")
    assert fetch(elsewhere, tmp_path / "a", url=f"{server}/good.onnx").read_bytes() == CONTENT
    (tmp_path / "copy.onnx").write_bytes(CONTENT)
    assert fetch(elsewhere, tmp_path / "b", url=(tmp_path / "copy.onnx").as_uri()).read_bytes() == CONTENT


def test_proxy_is_used(server: str, tmp_path: Path) -> None:
    assert fetch(published("http://not.a.host.invalid/good.onnx"), tmp_path, proxy=server).read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.onnx", "file:///not/there.onnx"])
def test_what_cannot_be_downloaded_says_what_to_try(tmp_path: Path, url: str) -> None:
    with pytest.raises(Unavailable, match="--proxy"):
        fetch(published(url), tmp_path)


def test_missing_page_and_other_protocols_are_errors(server: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="Not Found"):
        fetch(published(f"{server}/gone.onnx"), tmp_path)
    with pytest.raises(ModelRefused, match="http"):
        fetch(published("ftp://127.0.0.1/x.onnx"), tmp_path)
