"""The body of an upload as a stream of known length: no run lies in a small computer's memory."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from krabbel_trap.entry import Entry
from krabbel_trap.failpoints import reach

CHUNK_BYTES = 64 * 1024


class MultipartBody:
    """multipart/form-data of fields and an entry's pictures; iterate over it once."""

    def __init__(self, entry: Entry, fields: dict[str, Any]) -> None:
        """``fields``: text values are sent as they are, others as JSON."""
        self._entry = entry
        self._boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={self._boundary}"
        self._head = b"".join(self._field(name, value) for name, value in fields.items())
        self._tail = f"--{self._boundary}--\r\n".encode()
        images = entry.manifest()["images"]
        pictures: int = sum(len(self._part(image["said"]["file_name"])) + image["byte_size"] + 2 for image in images)
        self._length = len(self._head) + pictures + len(self._tail)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        for file_name, _, stream in self._entry.pictures():
            yield self._part(file_name)
            while True:
                chunk = stream.read(CHUNK_BYTES)
                if not chunk:
                    break
                yield chunk
            yield b"\r\n"
            reach("mid-upload")
        yield self._tail

    def _field(self, name: str, value: Any) -> bytes:
        kind, text = ("text/plain; charset=utf-8", value) if isinstance(value, str) else ("application/json", None)
        content = text if text is not None else json.dumps(value)
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        return f"{head}{content}\r\n".encode()

    def _part(self, file_name: str) -> bytes:
        return (
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="files"; filename="{file_name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode("utf-8", "replace")
