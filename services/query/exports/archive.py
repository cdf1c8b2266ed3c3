"""A ZIP archive that is sent while it is made: deflated tables of unknown length, stored pictures, and spooled tables.

Two tables of one archive grow together while the runs go by once: one is streamed into the archive, the others are
spooled, compressed already, into temporary files on disk and copied behind it. Memory stays the same however long they
get. (The standard library's ``zipfile`` cannot copy compressed members; zipstream-ng is LGPL and has the same limit.)
Written after PKWARE's APPNOTE.TXT 6.3.10: 4.3.7 local header, 4.3.9 data descriptor, 4.3.12 directory, 4.5.3 ZIP64.
"""

import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

LEVEL = 1
"""Speed before size: level 6 makes tables 15 % smaller in three times the time."""
CHUNK = 256 * 1024
_STORED, _DEFLATED = 0, 8
_NEEDS = 45
_UTF8, _DESCRIPTOR = 1 << 11, 1 << 3
_LIMIT = 0xFFFFFFFF


@dataclass(slots=True)
class _Entry:
    """One member, as the directory at the end lists it."""

    name: bytes
    method: int
    flags: int
    offset: int
    crc: int = 0
    packed: int = 0
    size: int = 0


class Deflated:
    """A member's bytes while they are being compressed."""

    def __init__(self) -> None:
        self._squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self.crc = self.size = self.packed = 0

    def squeeze(self, data: bytes) -> bytes:
        """Return what is finished of the compressed bytes."""
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        return self._counted(self._squeezer.compress(data))

    def finish(self) -> bytes:
        """Return the last compressed bytes."""
        return self._counted(self._squeezer.flush())

    def _counted(self, data: bytes) -> bytes:
        self.packed += len(data)
        return data


class Spool:
    """A table that is compressed into a temporary file until its turn comes."""

    def __init__(self) -> None:
        self.deflated = Deflated()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close(), after the last copy

    def write(self, data: bytes) -> None:
        """Write on."""
        self._file.write(self.deflated.squeeze(data))

    def copy(self) -> Iterator[bytes]:
        """Yield the compressed bytes from the start."""
        self._file.write(self.deflated.finish())
        self._file.seek(0)
        while piece := self._file.read(CHUNK):
            yield piece

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()


class Archive:
    """Send what each call returns, in order. One member is open at a time."""

    def __init__(self, at: datetime) -> None:
        """``at``: the moment that all members carry."""
        year = min(max(at.year, 1980), 2107)
        self._date = (year - 1980) << 9 | at.month << 5 | at.day
        self._time = at.hour << 11 | at.minute << 5 | at.second // 2
        self._entries: list[_Entry] = []
        self._position = 0
        self._open: Deflated | None = None

    def stored(self, name: str, data: bytes) -> bytes:
        """Return a whole member, not compressed (pictures do not get smaller)."""
        entry = _Entry(name.encode(), _STORED, _UTF8, self._position, zlib.crc32(data), len(data), len(data))
        self._entries.append(entry)
        return self._sent(self._local(entry, b"") + data)

    def begin(self, name: str) -> bytes:
        """Begin a compressed member of unknown length."""
        if self._open is not None:
            raise RuntimeError("a member is open")
        self._open = Deflated()
        return self._begin(name)

    def write(self, data: bytes) -> bytes:
        """Write on in the open member."""
        if self._open is None:
            raise RuntimeError("no member is open")
        return self._sent(self._open.squeeze(data))

    def finish(self) -> bytes:
        """End the open member."""
        if self._open is None:
            raise RuntimeError("no member is open")
        rest = self._sent(self._open.finish())
        deflated, self._open = self._open, None
        return rest + self._descriptor(deflated)

    def table(self, name: str, data: bytes) -> bytes:
        """Return a whole, compressed member."""
        return self.begin(name) + self.write(data) + self.finish()

    def spooled(self, name: str, spool: Spool) -> Iterator[bytes]:
        """Yield a member that was spooled."""
        yield self._begin(name)
        for piece in spool.copy():
            yield self._sent(piece)
        yield self._descriptor(spool.deflated)

    def end(self) -> bytes:
        """Return the directory at the end of the archive."""
        start = self._position
        directory = b"".join(map(self._central, self._entries))
        count, size = len(self._entries), len(directory)
        end = start + size
        tail = b""
        if count >= 0xFFFF or start >= _LIMIT or size >= _LIMIT:
            record = (b"PK\6\6", 44, 3 << 8 | _NEEDS, _NEEDS, 0, 0, count, count, size, start)
            tail = struct.pack("<4sQ2H2L4Q", *record) + struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
        count, size, start = min(count, 0xFFFF), min(size, _LIMIT), min(start, _LIMIT)
        return directory + tail + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, start, 0)

    def _begin(self, name: str) -> bytes:
        entry = _Entry(name.encode(), _DEFLATED, _UTF8 | _DESCRIPTOR, self._position)
        self._entries.append(entry)
        # Sizes follow behind the data; the empty ZIP64 field says that they take eight bytes each.
        return self._sent(self._local(entry, struct.pack("<2H2Q", 1, 16, 0, 0)))

    def _local(self, entry: _Entry, extra: bytes) -> bytes:
        packed, size = (_LIMIT, _LIMIT) if extra else (entry.packed, entry.size)
        fields = (_NEEDS, entry.flags, entry.method, self._time, self._date, entry.crc, packed, size)
        header = struct.pack("<4s5H3L2H", b"PK\3\4", *fields, len(entry.name), len(extra))
        return header + entry.name + extra

    def _descriptor(self, deflated: Deflated) -> bytes:
        entry = self._entries[-1]
        entry.crc, entry.packed, entry.size = deflated.crc, deflated.packed, deflated.size
        return self._sent(struct.pack("<4sL2Q", b"PK\7\x08", entry.crc, entry.packed, entry.size))

    def _central(self, entry: _Entry) -> bytes:
        large = [value for value in (entry.size, entry.packed, entry.offset) if value >= _LIMIT]
        extra = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
        packed, size, offset = (min(value, _LIMIT) for value in (entry.packed, entry.size, entry.offset))
        fields = (3 << 8 | _NEEDS, _NEEDS, entry.flags, entry.method, self._time, self._date, entry.crc, packed, size)
        lengths = (len(entry.name), len(extra), 0, 0, 0, 0o100644 << 16, offset)
        return struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields, *lengths) + entry.name + extra

    def _sent(self, data: bytes) -> bytes:
        self._position += len(data)
        return data
