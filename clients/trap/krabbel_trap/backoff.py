"""How long to wait before the next try: exponential with full jitter, and never less than the server asks for."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER_S = 3600.0


def full_jitter(failures: int, base_s: float, cap_s: float) -> float:
    """Return a random wait between 0 and ``base_s * 2 ** (failures - 1)``, at most ``cap_s``.

    Random over the whole span: a hundred traps that lost the same server do not come back at the same moment.
    """
    return random.uniform(0.0, min(cap_s, base_s * 2.0 ** min(max(0, failures - 1), 30)))


def retry_after_s(value: str | None) -> float:
    """Return the seconds in a ``Retry-After`` header (a number or a date); 0 where there is none."""
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(timezone.utc)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_S)
