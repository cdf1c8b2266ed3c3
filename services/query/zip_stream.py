"""ZIP files that are sent while they are made: memory for one member, not for all.

Members are stored, not squeezed: pictures do not get smaller.
"""

import re
import zipfile
from datetime import datetime
from typing import IO, cast

_UNSAFE = re.compile(r"[^A-Za-z0-9._ ()+=,@#-]+")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


class _Sink:
    """A file that only remembers what was written since it was last asked."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: the pieces are taken, not flushed."""

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class ZipStream:
    """Add members, send what each call returns, and send :meth:`end` at last."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._sink), "w", zipfile.ZIP_STORED, allowZip64=True)

    def add(self, name: str, data: bytes, at: datetime) -> bytes:
        """Return the bytes of one more member. ``name`` must be safe already: see :func:`safe_name`."""
        self._zip.writestr(self._info(name, at), data)
        return self._sink.take()

    def open(self, name: str, at: datetime, *, squeeze: bool = False) -> "Member":
        """Begin a member of unknown length, e.g. a table; end it before the next one begins."""
        info = self._info(name, at)
        if squeeze:
            info.compress_type = zipfile.ZIP_DEFLATED
        return Member(self._zip.open(info, "w", force_zip64=True), self._sink)

    def end(self) -> bytes:
        """Return the directory at the end of the file."""
        self._zip.close()
        return self._sink.take()

    @staticmethod
    def _info(name: str, at: datetime) -> zipfile.ZipInfo:
        year = min(max(at.year, 1980), 2107)
        info = zipfile.ZipInfo(name, (year, at.month, at.day, at.hour, at.minute, at.second))
        info.external_attr = 0o644 << 16
        return info


class Member:
    """A member that is being written."""

    def __init__(self, file: IO[bytes], sink: _Sink) -> None:
        self._file, self._sink = file, sink

    def write(self, data: bytes) -> bytes:
        """Write on, and return what can be sent."""
        self._file.write(data)
        return self._sink.take()

    def end(self) -> bytes:
        """End the member and return what remains to be sent of it."""
        self._file.close()
        return self._sink.take()


def safe_name(name: str, fallback: str) -> str:
    """Return a file name that harms nobody who unpacks it: no folders, no devices, no hidden files, plain letters."""
    last = re.split(r"[/\\]", name)[-1]
    plain = _UNSAFE.sub("_", last).strip(" .")[:120]
    return plain if plain and not _RESERVED.fullmatch(plain) else fallback


def distinct(name: str, taken: set[str]) -> str:
    """Return the name, numbered where it is taken, and take it."""
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if dot else (name, "")
    candidate, number = name, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{stem}-{number}{ending}"
    taken.add(candidate.lower())
    return candidate
