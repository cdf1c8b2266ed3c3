"""One answer in three forms: JSON for programs, CSV for spreadsheets, NDJSON for pipes.

``Accept`` chooses, or ``format=`` for a link in a page. JSON carries an ETag: a page that asks again and nothing has
changed gets 304 and no body.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel
from pydantic_core import to_json

from proto.errors import BadRequest, KrabbelError

Form = Literal["json", "csv", "ndjson"]
CONTENT_TYPES: dict[Form, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
}
_BY_TYPE: dict[str, Form] = {
    "application/json": "json",
    "application/*": "json",
    "*/*": "json",
    "text/csv": "csv",
    "text/*": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class NotAcceptable(KrabbelError):
    """None of the forms that the client takes is one that we make."""

    status, slug, title = 406, "not-acceptable", "There is no such form of this"


def form_of(request: web.Request) -> Form:
    """Return the form that a request wants.

    Raises:
        BadRequest: ``format`` names none.
        NotAcceptable: ``Accept`` takes none.
    """
    given = request.query.get("format")
    if given is not None:
        for form in CONTENT_TYPES:
            if form == given:
                return form
        raise BadRequest(f"format: must be one of {', '.join(CONTENT_TYPES)} (got {given[:40]!r}).")
    return negotiated(request.headers.get("Accept", "*/*"))


def negotiated(accept: str) -> Form:
    """Return the form that an Accept header likes best; of equals the one named first.

    A browser, which takes ``text/html`` before everything else, gets JSON.
    """
    best: tuple[float, Form] | None = None
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        form = _BY_TYPE.get(media)
        if form is not None and quality > 0 and (best is None or quality > best[0]):
            best = (quality, form)
    if best is None:
        if not accept.strip():
            return "json"
        raise NotAcceptable(f"Accept: this comes as {', '.join(CONTENT_TYPES.values())} (asked for {accept[:120]!r}).")
    return best[1]


def cell(value: Any) -> Any:
    """Return a value as it stands in CSV: moments in ISO 8601; a text that would run as a formula is disarmed."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return value


class CsvLines:
    """Makes CSV a line at a time."""

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")

    def line(self, values: Iterable[Any]) -> bytes:
        """Return one line."""
        self._writer.writerow([cell(value) for value in values])
        line = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return line.encode()

    def head(self) -> bytes:
        """Return the line with the columns' names."""
        return self.line(self.columns)

    def row(self, row: Mapping[str, Any]) -> bytes:
        """Return a row's line."""
        return self.line(row.get(column) for column in self.columns)


def body_of(form: Form, body: BaseModel | Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the answer's bytes: ``body`` as JSON, ``rows`` as CSV or NDJSON."""
    if form == "json":
        return to_json(body)
    found = list(rows)
    if form == "ndjson":
        return b"".join(to_json(row) + b"\n" for row in found)
    lines = CsvLines(found[0] if found else ())
    return b"".join((lines.head(), *(lines.row(row) for row in found))) if found else b""


def answer(
    request: web.Request,
    body: BaseModel | Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]] = (),
    *,
    form: Form = "json",
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer in the wanted form, or 304 where the client has exactly this."""
    data = body_of(form, body, rows)
    etag = hashlib.blake2b(data, digest_size=16).hexdigest()
    sent = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization, access_token", **(headers or {})}
    sent["ETag"] = f'W/"{etag}"'
    if any(tag.value in ("*", etag) for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=sent)
    charset = "utf-8" if form == "csv" else None
    return web.Response(body=data, content_type=CONTENT_TYPES[form], charset=charset, headers=sent)
