"""How fast a worker is. Plain code."""

from collections import deque

WINDOW_S = 60.0


class Pace:
    """Images per second over the last minute, from a counter that only grows."""

    def __init__(self, now_s: float) -> None:
        self._seen: deque[tuple[float, int]] = deque([(now_s, 0)])

    def note(self, now_s: float, images: int) -> float:
        """Note how many images there are by now, and return the rate since a minute ago, or since the start."""
        self._seen.append((now_s, images))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()
        since, before = self._seen[0]
        return (images - before) / (now_s - since) if now_s > since else 0.0
