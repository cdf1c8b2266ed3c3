"""How often something failed lately: the sliding window behind the limits on wrong keys and wrong passwords."""

import time
from collections import OrderedDict, deque

MOST_KEYS = 10_000
"""So many are remembered; then the ones that failed longest ago are forgotten."""


class Failures:
    """Counts failures by key (an address, a name) in a sliding window. In memory: of this process."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most, self._window_s = most, window_s
        self._moments: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Return the seconds until this key may try again; 0 where it may now."""
        moments = self._moments.get(key)
        if moments is None:
            return 0.0
        now = time.monotonic()
        while moments and moments[0] < now - self._window_s:
            moments.popleft()
        if not moments:
            del self._moments[key]
        if len(moments) < self._most:
            return 0.0
        return max(0.001, moments[0] + self._window_s - now)

    def note(self, key: str) -> None:
        """Note a failure."""
        self._moments.setdefault(key, deque(maxlen=self._most)).append(time.monotonic())
        self._moments.move_to_end(key)
        while len(self._moments) > MOST_KEYS:
            self._moments.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Forget the latest failure: it was none after all."""
        moments = self._moments.get(key)
        if moments:
            moments.pop()
