"""One run in one file: how an upload lies in the spool.

    KRABRUN1 | image | image | ... | manifest (JSON) | its length, 8 bytes | its SHA-256, 32 bytes | KRABEND1

One file and not a folder of them, since each file costs an fsync: here a run of any number of images costs one, and it
is complete or it is not. The manifest stands at the end because it is known last; the images are written while they
arrive. Everything in this module blocks: call it in a thread.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from proto.base import Contract, Sha256, UtcDatetime
from proto.errors import NotAnImage
from proto.run import TrackingRun
from services.ingest.images import ImageFacts
from services.ingest.slices import open_slice

HEAD, TAIL = b"KRABRUN1", b"KRABEND1"
TRAILER_BYTES = 8 + 32 + len(TAIL)
PRELOAD_BYTES = 256 * 1024


class BrokenEntry(Exception):
    """A spool file that is cut short or changed."""


class Slice(Contract):
    """Where an image lies in the file."""

    sha256: Sha256
    offset: int
    byte_size: int


class Manifest(Contract):
    """What the file says of itself."""

    run: TrackingRun
    slices: tuple[Slice, ...]
    accepted_at: UtcDatetime


@dataclass(frozen=True, slots=True)
class IncomingImage:
    """An image that has arrived, is whole and lies in the file."""

    file_name: str
    sha256: str
    offset: int
    byte_size: int
    facts: ImageFacts


class EntryWriter:
    """Writes one spool file, step by step, from any thread (one at a time). Ends with `seal` or `abort`."""

    def __init__(self, path: Path, inspect: Callable[[IO[bytes], str], ImageFacts]) -> None:
        self.path = path
        self.images: list[IncomingImage] = []
        self.skipped: list[str] = []
        self._inspect = inspect
        self._lock = threading.Lock()
        self._hashes: set[str] = set()
        self._closed = False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(self._descriptor, HEAD)
        self._end = self._start = len(HEAD)
        self._digest = hashlib.sha256()

    def append(self, data: bytes) -> None:
        """Write the next bytes of the present image.

        Raises:
            OSError: the disk is full, or the writer was aborted.
        """
        with self._lock:
            self._check()
            view = memoryview(data)
            self._digest.update(view)
            while view:
                written = os.pwrite(self._descriptor, view, self._end)
                self._end += written
                view = view[written:]

    def end_image(self, file_name: str, *, skip_unusable: bool) -> None:
        """The present image is complete: inspect and keep it.

        An image that the run has already is stored once. With ``skip_unusable`` one that is empty or broken is left
        out and its name noted; otherwise it raises.

        Raises:
            NotAnImage, UploadTooLarge: see images.inspect.
        """
        with self._lock:
            self._check()
            start, length, digest = self._start, self._end - self._start, self._digest.hexdigest()
            self._digest = hashlib.sha256()
            try:
                if not length:
                    raise NotAnImage(f"{file_name[:80]!r} is empty.")
                if digest in self._hashes:
                    self._end = start
                    return
                with open_slice(self._descriptor, start, length) as stream:
                    facts = self._inspect(stream, file_name)
            except NotAnImage:
                if not skip_unusable:
                    raise
                self.skipped.append(file_name[:255])
                self._end = start
                return
            self._hashes.add(digest)
            self.images.append(IncomingImage(file_name, digest, start, length, facts))
            self._start = self._end

    @property
    def sealed(self) -> bool:
        """Whether the file is finished (or given up): there is nothing left to remove."""
        return self._closed

    def seal(self, manifest: Manifest) -> int:
        """Write the manifest, make the file durable and return its size in bytes. The file is closed then."""
        body = manifest.model_dump_json(exclude_none=True).encode()
        trailer = len(body).to_bytes(8, "big") + hashlib.sha256(body).digest() + TAIL
        with self._lock:
            self._check()
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            with os.fdopen(os.dup(self._descriptor), "wb") as file:
                file.write(body + trailer)
            os.fsync(self._descriptor)
            self._close()
        return self._end + len(body) + len(trailer)

    def abort(self) -> None:
        """Forget the upload and remove its file; after `seal`, or twice, this does nothing to the file."""
        with self._lock:
            if not self._closed:
                self._close()
                self.path.unlink(missing_ok=True)

    def _check(self) -> None:
        if self._closed:
            raise OSError("the upload was given up")

    def _close(self) -> None:
        self._closed = True
        os.close(self._descriptor)


class EntryReader:
    """An open spool file. Use as a context manager."""

    def __init__(self, path: Path, *, preload: bool = False) -> None:
        """Raises BrokenEntry where the manifest (``preload``: or an image) is not what was written."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._loaded: dict[str, bytes] = {}
        try:
            self.manifest = self._read_manifest()
        except (ValidationError, ValueError) as error:
            self.close()
            raise BrokenEntry(f"{path.name}: {error}") from error
        if preload:
            try:
                self._preload()
            except BaseException:
                self.close()
                raise

    def _read_manifest(self) -> Manifest:
        size = os.fstat(self._descriptor).st_size
        trailer = os.pread(self._descriptor, TRAILER_BYTES, max(0, size - TRAILER_BYTES))
        if len(trailer) != TRAILER_BYTES or not trailer.endswith(TAIL):
            raise ValueError("the end is missing")
        length = int.from_bytes(trailer[:8], "big")
        if length > size - TRAILER_BYTES:
            raise ValueError("the manifest's length is wrong")
        body = os.pread(self._descriptor, length, size - TRAILER_BYTES - length)
        if hashlib.sha256(body).digest() != trailer[8:40]:
            raise ValueError("the manifest was changed")
        return Manifest.model_validate_json(body)

    def _preload(self) -> None:
        """Read the first images into memory, at most :data:`PRELOAD_BYTES`: usually all, in one go."""
        left = PRELOAD_BYTES
        for part in self.manifest.slices:
            left -= part.byte_size
            if left < 0:
                break
            self._loaded[part.sha256] = self.read_image(part)

    def read_image(self, part: Slice) -> bytes:
        """Return the bytes of one image.

        Raises:
            BrokenEntry: they are not those that were written.
        """
        if part.sha256 in self._loaded:
            return self._loaded.pop(part.sha256)
        data = os.pread(self._descriptor, part.byte_size, part.offset)
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise BrokenEntry(f"image {part.sha256} was changed on the disk")
        return data

    def open_image(self, part: Slice) -> IO[bytes]:
        """Return the bytes of one large image as a stream."""
        return open_slice(self._descriptor, part.offset, part.byte_size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> "EntryReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
