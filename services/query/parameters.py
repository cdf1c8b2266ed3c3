"""What a URL's parameters ask for. Plain code: text in, values out, and for nonsense a line that says what and why."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TypeVar

from multidict import MultiMapping

from proto.errors import BadRequest

T = TypeVar("T")
_CAMERA = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_LOST_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)$")
MAX_VALUES = 50


class Parameters:
    """The query part of a URL. Every method raises BadRequest with the parameter's name."""

    def __init__(self, query: MultiMapping[str], known: Iterable[str]) -> None:
        """Refuse names that are not ``known``, and names given twice: a typing error must not widen a search."""
        allowed = sorted(known)
        for name in query:
            if name not in allowed:
                raise BadRequest(f"{name[:80]}: no such parameter here. There are: {', '.join(allowed) or 'none'}.")
            if len(query.getall(name)) > 1:
                raise BadRequest(f"{name}: given twice. Separate several values by commas.")
        self._query = query

    def text(self, name: str, *, longest: int = 200) -> str | None:
        """Return the text, or None where it is missing or empty."""
        value = self._query.get(name, "").strip()
        if len(value) > longest:
            raise BadRequest(f"{name}: {len(value)} characters; at most {longest} are read.")
        if any(ord(character) < 32 for character in value):
            raise BadRequest(f"{name}: has control characters.")
        return value or None

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return the whole number, within bounds."""
        value = self._query.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise BadRequest(f"{name}: must be a whole number from {least} to {most} (got {value[:40]!r}).")
        return int(value)

    def flag(self, name: str) -> bool | None:
        """Return true or false, or None where it is missing."""
        value = self._query.get(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false", "1", "0"):
            raise BadRequest(f"{name}: must be true or false (got {value[:40]!r}).")
        return value.lower() in ("true", "1")

    def choice(self, name: str, allowed: Mapping[str, T], default: T) -> T:
        """Return one of a few values."""
        value = self._query.get(name)
        if value is None:
            return default
        if value not in allowed:
            raise BadRequest(f"{name}: must be one of {', '.join(allowed)} (got {value[:40]!r}).")
        return allowed[value]

    def several(self, name: str, check: Callable[[str], str | None]) -> tuple[str, ...]:
        """Return the comma-separated values; ``check`` returns what is wrong with one, or None."""
        values = tuple(dict.fromkeys(part.strip() for part in self._query.get(name, "").split(",") if part.strip()))
        if len(values) > MAX_VALUES:
            raise BadRequest(f"{name}: {len(values)} values; at most {MAX_VALUES} are read.")
        for value in values:
            wrong = check(value)
            if wrong:
                raise BadRequest(f"{name}: {wrong} (got {value[:80]!r}).")
        return values

    def cameras(self, name: str = "camera") -> tuple[str, ...]:
        """Return camera ids."""
        return self.several(
            name,
            lambda value: None if _CAMERA.fullmatch(value) else "a camera id is letters a-z, digits and hyphens",
        )

    def labels(self, name: str = "class") -> tuple[str, ...]:
        """Return class labels; a label that no model has is no error, it finds nothing."""
        return self.several(
            name, lambda value: None if len(value) <= 120 else "a class name has at most 120 characters"
        )

    def of(self, name: str, allowed: Iterable[str]) -> tuple[str, ...]:
        """Return comma-separated values, each one of ``allowed``."""
        names = tuple(allowed)
        return self.several(name, lambda value: None if value in names else f"must be one of {', '.join(names)}")

    def day(self, name: str) -> date | None:
        """Return a day, YYYY-MM-DD."""
        value = self._query.get(name)
        return None if value is None else as_day(name, value)

    def moment(self, name: str) -> datetime | date | None:
        """Return a moment with zone as UTC, or a day where only a day is given."""
        value = self._query.get(name)
        if value is None:
            return None
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return as_day(name, value)
        try:
            # A plus sign in a URL means a space: 10:00:00+02:00 often arrives as "10:00:00 02:00".
            moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", value))
            if moment.tzinfo is None:
                raise ValueError("no zone")
            return moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise BadRequest(
                f"{name}: must be a day (2024-05-15) or a moment with its zone (2024-05-15T10:00:00Z); "
                f"got {value[:80]!r}."
            ) from error


def as_day(name: str, value: str) -> date:
    """Return the day in ``value``.

    Raises:
        BadRequest: it is no YYYY-MM-DD, or no day of the calendar.
    """
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            raise ValueError("no day")
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadRequest(f"{name}: must be a day of the calendar as YYYY-MM-DD (got {value[:40]!r}).") from error
