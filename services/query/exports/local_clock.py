"""Moments as a camera's neighbours write them: ISO 8601 with the zone's offset, quickly for millions of them."""

from datetime import datetime, timedelta, tzinfo

from services.query.exports.event import moment_of

_SECONDS = tuple(f"{second:02d}" for second in range(60))
_WHOLE = timedelta(minutes=1)
KEPT = 2_000


class LocalClock:
    """Writes moments of one zone. It remembers minutes, and works out the seconds: runs go by in the order of time."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._minutes: dict[int, tuple[str, str] | None] = {}

    def stamp(self, ms: int) -> str:
        """Return a moment in whole seconds, as :func:`services.query.exports.item.stamp` does."""
        minute, rest = divmod(ms, 60_000)
        try:
            around = self._minutes[minute]
        except KeyError:
            around = self._learn(minute)
        if around is None:
            return self._local(ms).isoformat(timespec="seconds")
        return around[0] + _SECONDS[rest // 1000] + around[1]

    def _learn(self, minute: int) -> tuple[str, str] | None:
        """Return what stands before and behind the seconds of a minute; None where they are not those of UTC, as in
        some zones a hundred years ago."""
        if len(self._minutes) >= KEPT:
            self._minutes.clear()
        first, last = self._local(minute * 60_000), self._local(minute * 60_000 + 59_999)
        offset = first.utcoffset()
        around = None
        if offset is not None and offset == last.utcoffset() and not offset % _WHOLE:
            text = first.isoformat(timespec="seconds")
            around = text[:17], text[19:]
        self._minutes[minute] = around
        return around

    def _local(self, ms: int) -> datetime:
        return moment_of(ms).astimezone(self.zone)
