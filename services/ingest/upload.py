"""Reading an upload while it arrives, straight into a spool file.

Bytes are collected to :data:`BATCH_BYTES` and then parsed, written, hashed and decoded in a thread (form.py), so a
usual run costs one hop, and a huge one never lies in memory. All uploads together collect :data:`ALL_BATCHES_BYTES`.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TypeVar

from aiohttp import web

from proto.errors import InvalidUpload, KrabbelError, NotAnImage, UploadTimeout, UploadTooLarge
from services.ingest.entry_file import EntryWriter
from services.ingest.form import Form, Limits
from services.ingest.images import ImageFacts
from services.ingest.metrics import BYTES_RECEIVED
from services.ingest.room import SpoolFull
from services.ingest.spool import Spool

BATCH_BYTES = 256 * 1024
ALL_BATCHES_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
AROUND_BYTES = 64 * 1024
"""What an upload may have beyond its images: names, headers, boundaries."""
T = TypeVar("T")


@dataclass(slots=True)
class Receiver:
    """One upload under way. After `receive`, ``fields`` and ``writer.images`` hold what came. End it with `close`."""

    spool: Spool
    executor: ThreadPoolExecutor
    inspect: Callable[[IO[bytes], str], ImageFacts]
    limits: Limits
    skip_unusable: bool
    uploads_now: Callable[[], int]
    claimed: int = 0
    _form: Form | None = None
    _batch: list[bytes] = field(default_factory=list)
    _buffered: int = 0
    _received: int = 0
    _deadline: float = 0.0
    _whole: bool = False

    @property
    def form(self) -> Form:
        """What was read. Only after `receive` has begun."""
        if self._form is None:
            raise InvalidUpload("Nothing was read yet.")
        return self._form

    @property
    def fields(self) -> dict[str, str]:
        """The form's fields."""
        return self.form.fields

    @property
    def writer(self) -> EntryWriter:
        """The spool file with the images."""
        return self.form.writer

    async def receive(self, request: web.Request) -> None:
        """Read the whole body.

        Raises:
            InvalidUpload: no multipart form, or a broken one.
            UploadTooLarge, NotAnImage, UploadTimeout, SpoolFull: as their names say.
        """
        self._refuse_announced(request.content_length)
        self._deadline = time.monotonic() + self.limits.seconds
        self._form = Form(
            request.headers.get("Content-Type", ""),
            self.limits,
            partial(self.spool.writer, self.inspect),
            skip_unusable=self.skip_unusable,
        )
        try:
            while data := await self._next(request, self._room()):
                self._batch.append(data)
                self._buffered += len(data)
                if self._room() <= 0:
                    await self._flush(end=False)
            await self._flush(end=True)
            self._whole = True
        except KrabbelError:
            raise
        except TimeoutError as error:
            raise UploadTimeout(
                f"No byte came for {self.limits.idle_seconds:g} s, or the upload took longer than "
                f"{self.limits.seconds:g} s."
            ) from error
        except Exception as error:
            # Whatever a parser raises on hostile bytes (ValueError, HttpProcessingError, a payload cut short, ...)
            # means the same: this is no whole multipart body.
            raise InvalidUpload(f"The multipart body is broken or incomplete ({type(error).__name__}).") from error

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
        if self._form is not None and (self._form.has_file or not self._whole):
            await asyncio.shield(self._in_thread(self._form.abort))
        self.spool.room.release(self.claimed)
        self.claimed = 0

    def _refuse_announced(self, length: int | None) -> None:
        """Say no before the bytes come, where their number is told."""
        if length is not None and length > self.limits.run_bytes + AROUND_BYTES:
            raise UploadTooLarge(f"The upload has {length} bytes; at most {self.limits.run_bytes} are taken.")

    def _room(self) -> int:
        """Return how many bytes may still be collected; the more uploads are under way, the fewer."""
        return min(BATCH_BYTES, ALL_BATCHES_BYTES // max(1, self.uploads_now())) - self._buffered

    async def _next(self, request: web.Request, most: int) -> bytes:
        """Return what has arrived since, b"" at the end."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        async with asyncio.timeout(min(left, self.limits.idle_seconds)):
            data = await request.content.read(max(1, min(CHUNK_BYTES, most)))
        self._received += len(data)
        if self._received > self.limits.run_bytes + AROUND_BYTES:
            raise UploadTooLarge(f"The upload has more than {self.limits.run_bytes} bytes.")
        return data

    async def _flush(self, *, end: bool) -> None:
        """Have what was collected taken in by a thread."""
        batch, self._batch = self._batch, []
        byte_size, self._buffered = self._buffered, 0
        self.spool.room.claim(byte_size)
        self.claimed += byte_size
        BYTES_RECEIVED.inc(byte_size)

        def work() -> None:
            data = b"".join(batch)
            batch.clear()
            self.form.feed(data, end=end)

        try:
            await self._in_thread(work)
        except OSError as error:
            raise SpoolFull(f"The spool cannot be written ({error.strerror}). Try again later.") from error

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function)
