"""Downloads published models whose content is known: a wrong byte is refused."""

import hashlib
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from proto.errors import ModelRefused, Unavailable

TIMEOUT_S = 30.0
CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model that others publish, and how to know that it is the one."""

    name: str
    version: str
    file_name: str
    url: str
    git_blob_id: str
    """SHA-1 of ``blob <size>``, a zero byte and the content: the id that git shows"""
    max_bytes: int
    source: str
    image_size: int


PUBLISHED = {
    "insect-detect": PublishedModel(
        name="insect-detect-efficientnet-b0",
        version="1",
        file_name="efficientnet-b0_imgsz128.onnx",
        url="https://raw.githubusercontent.com/maxsitt/insect-detect-ml/main/models/efficientnet-b0_imgsz128.onnx",
        git_blob_id="f29acd8fa675725f415078d1cb8d771f1943baf5",
        max_bytes=100 * 1024**2,
        source="https://github.com/maxsitt/insect-detect-ml",
        image_size=128,
    )
}


def git_blob_id(content: bytes) -> str:
    """Return the id that git gives to a file with this content, lower-case hex."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def fetch(
    model: PublishedModel,
    folder: Path,
    *,
    url: str | None = None,
    proxy: str | None = None,
    progress: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> Path:
    """Download a model into a folder, with a card beside it, and return the file's path. One that is there is kept.

    ``url``: a mirror (http, https or file); ``proxy``: for this download, else what the environment says (HTTPS_PROXY).
    ``progress`` is told the bytes so far, and those in all where the server says so.

    Raises:
        ModelRefused: what came is not the published file. Nothing is kept of it.
        Unavailable: it cannot be downloaded.
    """
    target = folder / model.file_name
    if not target.is_file() or git_blob_id(target.read_bytes()) != model.git_blob_id:
        content = _download(url or model.url, model.max_bytes, proxy, progress)
        found = git_blob_id(content)
        if found != model.git_blob_id:
            raise ModelRefused(
                f"{url or model.url} is not {model.file_name} as it was published: git blob id {found}, wanted "
                f"{model.git_blob_id}. Nothing was installed."
            )
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
            part.write(content)
        Path(part.name).replace(target)
    card = {
        "name": model.name,
        "version": model.version,
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "imgsz": model.image_size,
        "source": model.source,
        "git_blob_id": model.git_blob_id,
        "demo": False,
    }
    target.with_suffix(".card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return target


def _download(url: str, max_bytes: int, proxy: str | None, progress: Callable[[int, int | None], None]) -> bytes:
    if not url.startswith(("https://", "http://", "file://")):
        raise ModelRefused(f"{url}: only http, https and file addresses can be fetched.")
    handlers = [urllib.request.ProxyHandler({"http": proxy, "https": proxy})] if proxy else []
    opener = urllib.request.build_opener(*handlers)
    try:
        answer: IO[bytes]
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            length = getattr(answer, "headers", {}).get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            content = bytearray()
            while chunk := answer.read(CHUNK):
                content += chunk
                if len(content) > max_bytes:
                    raise ModelRefused(f"{url} has more than {max_bytes} bytes: it is not the model.")
                progress(len(content), total)
            return bytes(content)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(
            f"{url} cannot be downloaded ({reason}). Behind a proxy: --proxy http://host:port. "
            "From elsewhere: --from, with the address of a mirror or file:///path."
        ) from error
