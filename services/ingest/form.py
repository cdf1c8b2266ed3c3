"""A multipart form, as its bytes come: fields into a dictionary, images into a spool file. No network, no waiting.

`feed` hashes, writes and decodes: call it in a thread.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from multipart import MultipartError, PushMultipartParser, parse_options_header

from proto.errors import InvalidUpload, UploadTooLarge
from services.ingest.acceptance import display_name
from services.ingest.disposition import part_names
from services.ingest.entry_file import EntryWriter

MAX_FIELD_BYTES = 1024 * 1024
MAX_FIELDS = 50
MAX_HEADER_BYTES = 8190
MAX_HEADERS = 32
RUN_PART = "run"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload may be; bytes, counts and seconds."""

    file_bytes: int
    run_bytes: int
    files: int
    seconds: float
    idle_seconds: float


@dataclass(slots=True)
class _Part:
    """The present part. The first two names are the parser's own."""

    bytes_received: int = 0
    complete: bool = False
    name: str = ""
    file_name: str | None = None
    value: bytearray = field(default_factory=bytearray)

    @property
    def is_field(self) -> bool:
        # Some clients give the JSON part a file name, and some give the files none.
        return self.name == RUN_PART or (self.file_name is None and self.name != "files")


class _Parser(PushMultipartParser):  # type: ignore[misc]
    """Takes parts with any disposition, or none: what is odd is no reason to lose an insect."""

    def _create_segment(self, headerlist: list[tuple[str, str]]) -> Any:
        headers = {name: value.encode("latin-1").decode("utf-8", "surrogateescape") for name, value in headerlist}
        if headers.get("Content-Type", "").lower().startswith("multipart/"):
            raise InvalidUpload("A part is a multipart of its own; send the files side by side.")
        name, file_name = part_names(headers.get("Content-Disposition"))
        return _Part(name=name, file_name=file_name)


class Form:
    """One form under way. ``fields`` and ``writer.images`` hold what came so far."""

    def __init__(
        self, content_type: str, limits: Limits, open_writer: Callable[[], EntryWriter], *, skip_unusable: bool
    ) -> None:
        """``open_writer`` is called with the first bytes.

        Raises:
            InvalidUpload: the content type is that of no multipart form.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind.lower() != "multipart/form-data" or not 1 <= len(boundary) <= 200:
            raise InvalidUpload(f"Send multipart/form-data with a boundary, not {content_type[:80]!r}.")
        try:
            self._parser = _Parser(
                boundary.encode("utf-8", "surrogateescape"),
                max_header_size=MAX_HEADER_BYTES,
                max_header_count=MAX_HEADERS,
                header_charset="latin-1",
            )
        except MultipartError as error:
            raise InvalidUpload("The boundary of the multipart form cannot be used.") from error
        self.fields: dict[str, str] = {}
        self._limits, self._open_writer, self._skip_unusable = limits, open_writer, skip_unusable
        self._writer: EntryWriter | None = None
        self._given_up = False
        self._lock = threading.Lock()  # an upload may be given up while a thread still feeds it
        self._part = _Part()
        self._steps: list[Callable[[], None]] = []
        self._bytes = self._files = self._fields = 0

    @property
    def writer(self) -> EntryWriter:
        """The spool file.

        Raises:
            InvalidUpload: nothing came yet.
        """
        if self._writer is None:
            raise InvalidUpload("The upload is empty.")
        return self._writer

    @property
    def has_file(self) -> bool:
        """Whether there is a file that would have to be removed."""
        return self._writer is not None and not self._writer.sealed

    def feed(self, data: bytes, *, end: bool) -> None:
        """Take the next bytes; ``end``: they are the last. Blocks and computes.

        Raises:
            InvalidUpload: this is no whole form.
            UploadTooLarge: one of the limits is passed.
            NotAnImage: see EntryWriter.end_image.
            OSError: the disk is full.
        """
        with self._lock:
            if self._given_up:
                return
            if self._writer is None:
                self._writer = self._open_writer()
            try:
                if data:
                    for event in self._parser.parse(data):
                        self._take(event)
                if end:
                    self._parser.close()
            except MultipartError as error:
                raise InvalidUpload(f"The multipart body is broken or incomplete ({error}).") from error
            # Only now: what is cheap to see (a limit passed, a broken form) is answered before images are decoded.
            steps, self._steps = self._steps, []
            for step in steps:
                step()

    def abort(self) -> None:
        """Forget what was not committed: the file is removed."""
        with self._lock:
            self._given_up = True
            if self._writer is not None:
                self._writer.abort()

    def _take(self, event: Any) -> None:
        if isinstance(event, _Part):
            self._begin(event)
        elif event is None:
            self._end()
        else:
            self._more(event)

    def _begin(self, part: _Part) -> None:
        self._part = part
        if part.is_field:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise UploadTooLarge(f"The form has more than {MAX_FIELDS} fields.")
        else:
            self._files += 1
            if self._files > self._limits.files:
                raise UploadTooLarge(f"The run has more than {self._limits.files} files.")

    def _more(self, data: bytes) -> None:
        part = self._part
        self._bytes += len(data)
        if self._bytes > self._limits.run_bytes:
            raise UploadTooLarge(f"The upload has more than {self._limits.run_bytes} bytes.")
        if part.is_field:
            part.value += data
            if len(part.value) > MAX_FIELD_BYTES:
                raise UploadTooLarge(f"The field {part.name[:80]!r} has more than {MAX_FIELD_BYTES} bytes.")
            return
        if part.bytes_received > self._limits.file_bytes:
            name = display_name(part.file_name or "")
            raise UploadTooLarge(f"{name[:80]!r} has more than {self._limits.file_bytes} bytes.")
        self._steps.append(partial(self.writer.append, data))

    def _end(self) -> None:
        part = self._part
        if part.is_field:
            # A wrong charset is no reason to lose an insect: what cannot be read is replaced.
            self.fields[part.name[:80]] = part.value.decode("utf-8", "replace").replace("\x00", "")
        else:
            name = display_name(part.file_name or "")
            self._steps.append(partial(self.writer.end_image, name, skip_unusable=self._skip_unusable))
