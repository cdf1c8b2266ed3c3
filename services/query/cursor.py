"""Opaque page cursors: the place of the last row of a page in its list's order."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from proto.errors import BadRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"(-?\d{1,15})\.([0-9a-f]{32})")
_NUMBER = re.compile(r"([a-z])(-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]\d{1,3})?)\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A run's place in the list; the next page starts behind it. ``kind``: the order's letter; none: by time."""

    value: datetime | float
    run_id: str
    kind: str = ""

    def encode(self) -> str:
        """Return the cursor as URL-safe text. Milliseconds suffice: the database keeps no more."""
        if isinstance(self.value, datetime):
            text = f"{(self.value - _EPOCH) // timedelta(milliseconds=1)}.{self.run_id}"
        else:
            text = f"{self.kind}{self.value!r}.{self.run_id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, kind: str = "") -> Cursor:
    """Return the cursor in ``text``, of an order of this kind.

    Raises:
        BadRequest: it is none of ours, or of another order.
    """
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        if not kind and (match := _MOMENT.fullmatch(plain)):
            return Cursor(_EPOCH + timedelta(milliseconds=int(match[1])), match[2])
        if kind and (match := _NUMBER.fullmatch(plain)) and match[1] == kind:
            return Cursor(float(match[2]), match[3], kind)
    except (ValueError, OverflowError, binascii.Error, UnicodeError):
        pass
    raise BadRequest(f"cursor: {text[:80]!r} is no cursor of this list. Take 'next' of the page before, unchanged.")
