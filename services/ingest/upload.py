"""Reading a multipart upload while it arrives, straight into a spool file.

Bytes are collected to :data:`BATCH_BYTES` and then written, hashed and decoded in a thread, so a usual run costs one
hop, and a huge one never lies in memory. All uploads together collect :data:`ALL_BATCHES_BYTES`.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TypeVar

from aiohttp import BodyPartReader, MultipartReader, web

from proto.errors import InvalidUpload, KrabbelError, NotAnImage, UploadTimeout, UploadTooLarge
from services.ingest.acceptance import display_name
from services.ingest.disposition import part_names
from services.ingest.entry_file import EntryWriter
from services.ingest.images import ImageFacts
from services.ingest.metrics import BYTES_RECEIVED
from services.ingest.spool import Spool, SpoolFull

BATCH_BYTES = 256 * 1024
ALL_BATCHES_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
MAX_FIELD_BYTES = 1024 * 1024
MAX_FIELDS = 50
RUN_PART = "run"
Step = Callable[[], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload may be; bytes, counts and seconds."""

    file_bytes: int
    run_bytes: int
    files: int
    seconds: float
    idle_seconds: float


@dataclass(slots=True)
class Receiver:
    """One upload under way. After `receive`, ``fields`` and ``writer.images`` hold what came. End it with `close`."""

    spool: Spool
    executor: ThreadPoolExecutor
    inspect: Callable[[IO[bytes], str], ImageFacts]
    limits: Limits
    skip_unusable: bool
    uploads_now: Callable[[], int]
    writer: EntryWriter = field(init=False)
    fields: dict[str, str] = field(default_factory=dict)
    claimed: int = 0
    _steps: list[Step] = field(default_factory=list)
    _buffered: int = 0
    _received: int = 0
    _files: int = 0
    _fields: int = 0
    _deadline: float = 0.0

    async def receive(self, request: web.Request) -> None:
        """Read the whole body.

        Raises:
            InvalidUpload: no multipart form, or a broken one.
            UploadTooLarge, NotAnImage, UploadTimeout, SpoolFull: as their names say.
        """
        if request.content_type != "multipart/form-data":
            raise InvalidUpload(f"Send multipart/form-data, not {request.content_type[:80]!r}.")
        self._refuse_announced(request.content_length)
        self._deadline = time.monotonic() + self.limits.seconds
        self.writer = await self._in_thread(partial(self.spool.writer, self.inspect))
        try:
            reader = await request.multipart()
            while (part := await self._next_part(reader)) is not None:
                if isinstance(part, MultipartReader):
                    raise InvalidUpload("A part is a multipart of its own; send the files side by side.")
                await self._part(part)
        except KrabbelError:
            raise
        except TimeoutError as error:
            raise UploadTimeout(
                f"No byte came for {self.limits.idle_seconds:g} s, or the upload took longer than "
                f"{self.limits.seconds:g} s."
            ) from error
        except Exception as error:
            # Whatever the parser raises on hostile bytes (ValueError, AssertionError, HttpProcessingError, ...)
            # means the same: this is no whole multipart body.
            raise InvalidUpload(f"The multipart body is broken or incomplete ({type(error).__name__}).") from error
        await self._flush()

    def require_usable_image(self) -> None:
        """Return if there is an image, or nothing at all was sent as one.

        Raises:
            NotAnImage: files came, and none of them is a usable image.
        """
        if not self.writer.images and self.writer.skipped:
            names = ", ".join(repr(name[:80]) for name in self.writer.skipped[:3])
            raise NotAnImage(f"None of {len(self.writer.skipped)} files is a whole JPEG, PNG or WebP image: {names}.")

    def require_id(self, run_id: str, expected: str | None) -> None:
        """Return if the run's id is what the client computed, where it did.

        Raises:
            InvalidUpload: bytes or fields were changed on the way, or the client computes it in another way.
        """
        if expected is not None and expected != run_id:
            raise InvalidUpload(
                f"The header Krabbel-Run-Id says {expected!r}, and what arrived makes {run_id!r}: something was "
                "changed on the way. Send it again."
            )

    async def close(self) -> None:
        """Forget what was not committed: the file is removed, the claimed bytes are given back."""
        if hasattr(self, "writer"):
            await asyncio.shield(self._in_thread(self.writer.abort))
        self.spool.release(self.claimed)
        self.claimed = 0

    def _refuse_announced(self, length: int | None) -> None:
        """Say no before the bytes come, where their number is told. 64 kB more than the files: the form around."""
        if length is not None and length > self.limits.run_bytes + CHUNK_BYTES:
            raise UploadTooLarge(f"The upload has {length} bytes; at most {self.limits.run_bytes} are taken.")

    async def _next_part(self, reader: MultipartReader) -> MultipartReader | BodyPartReader | None:
        async with asyncio.timeout(self._patience()):
            return await reader.next()

    def _patience(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, self.limits.idle_seconds)

    async def _part(self, part: BodyPartReader) -> None:
        name, file_name = part_names(part.headers.get("Content-Disposition"))
        # Some clients give the JSON part a file name, and some give the files none.
        if name == RUN_PART or (file_name is None and name != "files"):
            await self._field(name, part)
        else:
            await self._file(part, display_name(file_name or ""))

    async def _chunk(self, part: BodyPartReader) -> bytes:
        async with asyncio.timeout(self._patience()):
            data = bytes(await part.read_chunk(CHUNK_BYTES))
        self._received += len(data)
        if self._received > self.limits.run_bytes:
            raise UploadTooLarge(f"The upload has more than {self.limits.run_bytes} bytes.")
        return data

    async def _field(self, name: str, part: BodyPartReader) -> None:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise UploadTooLarge(f"The form has more than {MAX_FIELDS} fields.")
        value = bytearray()
        while not part.at_eof():
            value += await self._chunk(part)
            if len(value) > MAX_FIELD_BYTES:
                raise UploadTooLarge(f"The field {name[:80]!r} has more than {MAX_FIELD_BYTES} bytes.")
        # A wrong charset is no reason to lose an insect: what cannot be read is replaced.
        self.fields[name[:80]] = value.decode("utf-8", "replace").replace("\x00", "")

    async def _file(self, part: BodyPartReader, name: str) -> None:
        self._files += 1
        if self._files > self.limits.files:
            raise UploadTooLarge(f"The run has more than {self.limits.files} files.")
        size = 0
        while not part.at_eof():
            data = await self._chunk(part)
            size += len(data)
            if size > self.limits.file_bytes:
                raise UploadTooLarge(f"{name[:80]!r} has more than {self.limits.file_bytes} bytes.")
            await self._add(len(data), partial(self.writer.append, data))
        await self._add(0, partial(self.writer.end_image, name, skip_unusable=self.skip_unusable))

    async def _add(self, byte_size: int, step: Step) -> None:
        self._steps.append(step)
        self._buffered += byte_size
        if self._buffered >= min(BATCH_BYTES, ALL_BATCHES_BYTES // max(1, self.uploads_now())):
            await self._flush()

    async def _flush(self) -> None:
        """Have the collected steps done in a thread."""
        steps, self._steps = self._steps, []
        byte_size, self._buffered = self._buffered, 0
        self.spool.claim(byte_size)
        self.claimed += byte_size
        BYTES_RECEIVED.inc(byte_size)

        def work() -> None:
            for step in steps:
                step()

        try:
            await self._in_thread(work)
        except OSError as error:
            raise SpoolFull(f"The spool cannot be written ({error.strerror}). Try again later.") from error

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function)
