"""Gentle back-pressure: when runs come faster than they go into the stores, an answer waits a little.

Otherwise accepting, which is cheaper, takes the processor from storing, and the spool grows for as long as the load
lasts. Only answers are slowed down, by a second at most, and only after the run is durable: a trap that does not wait
for its answer has lost nothing. While a store is away, waiting would help nobody: then only a filling spool counts.
"""

EASY_AGE_S, HARD_AGE_S = 5.0, 30.0
"""Age of the oldest waiting run: from the first on answers are slowed down, from the second on as much as possible."""
EASY_SHARE = 0.5
"""Share of the spool's byte limit from which on answers are slowed down, whatever the reason."""


def slow_down_s(share: float, waiting_s: float, *, stores_answer: bool, longest_s: float) -> float:
    """Return how long an answer shall wait, seconds.

    Args:
        share: how full the spool is, 0 to 1.
        waiting_s: age of the oldest run that waits in it.
        stores_answer: whether the last run that was forwarded found all stores.
        longest_s: longest wait.
    """
    by_share = (share - EASY_SHARE) / (1 - EASY_SHARE)
    by_age = (waiting_s - EASY_AGE_S) / (HARD_AGE_S - EASY_AGE_S) if stores_answer else 0.0
    return longest_s * min(1.0, max(0.0, by_share, by_age))
