"""A part of a file as a stream of its own: an image within a spool file."""

import io
import os
from typing import IO

IN_MEMORY_BYTES = 1024 * 1024
"""Up to this size an image is read at once."""


class SliceReader(io.RawIOBase):
    """A part of an open file as a seekable stream of its own.

    It has a descriptor of its own, too: a thread that still reads when the file is closed must get an error, not the
    bytes of whatever file has the number next.
    """

    def __init__(self, descriptor: int, offset: int, length: int) -> None:
        self._descriptor, self._offset, self._length, self._position = os.dup(descriptor), offset, length, 0

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._length - self._position))
        data = os.pread(self._descriptor, wanted, self._offset + self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def open_slice(descriptor: int, offset: int, length: int) -> IO[bytes]:
    """Return an image's bytes as a stream: small ones in memory, large ones read as needed."""
    if length <= IN_MEMORY_BYTES:
        return io.BytesIO(os.pread(descriptor, length, offset))
    return io.BufferedReader(SliceReader(descriptor, offset, length), 64 * 1024)
