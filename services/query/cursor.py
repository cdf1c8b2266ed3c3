"""Opaque page cursors: the place of the last row of a page in the order (sort_at, _id)."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from proto.errors import BadRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"(-?\d{1,15})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A run's place in the list; the next page starts behind it."""

    sort_at: datetime
    run_id: str

    def encode(self) -> str:
        """Return the cursor as URL-safe text. Milliseconds suffice: the database keeps no more."""
        milliseconds = (self.sort_at - _EPOCH) // timedelta(milliseconds=1)
        return base64.urlsafe_b64encode(f"{milliseconds}.{self.run_id}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Return the cursor in ``text``.

    Raises:
        BadRequest: it is none of ours.
    """
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        match = _TEXT.fullmatch(plain)
        if match is None:
            raise ValueError("no cursor")
        return Cursor(_EPOCH + timedelta(milliseconds=int(match[1])), match[2])
    except (ValueError, OverflowError, binascii.Error, UnicodeError) as error:
        raise BadRequest(
            f"cursor: {text[:80]!r} is no cursor of this list. Take 'next' of the page before, unchanged."
        ) from error
