"""What deserves a second look: the first of its kind, or a rare guest. A rule, not a feeling; plain code.

A visit is remarkable when the model is not undecided about it, and

- ``first_ever``: no visit of its class was ever counted before;
- ``first_season``: none was counted this calendar year, but in an earlier one;
- ``rare``: its class makes up less than one in a hundred of all insects ever counted, where at least 300 were;
- ``first_today``: none was counted today.

The first that holds is said. Imported runs are no news.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

RARE_SHARE = 0.01
ENOUGH_TO_TELL = 300


class Novelty(StrEnum):
    """Why a visit is remarkable; the page has the words."""

    FIRST_EVER = "first_ever"
    FIRST_SEASON = "first_season"
    RARE = "rare"
    FIRST_TODAY = "first_today"


@dataclass(frozen=True, slots=True)
class Record:
    """A class in all the history there is."""

    runs: int = 0
    first_day: date | None = None
    last_day: date | None = None

    def with_one_more(self, day: date) -> "Record":
        """Return the record after one more visit."""
        first = min(self.first_day, day) if self.first_day else day
        last = max(self.last_day, day) if self.last_day else day
        return Record(self.runs + 1, first, last)


def judge(before: Record, all_insects: int, today_before: int, day: date) -> Novelty | None:
    """Return what a visit on ``day`` is, given what was counted before it: of its class, of all, of its class today."""
    if before.runs == 0 or before.last_day is None:
        return Novelty.FIRST_EVER
    if before.last_day.year < day.year:
        return Novelty.FIRST_SEASON
    if all_insects >= ENOUGH_TO_TELL and before.runs / all_insects < RARE_SHARE:
        return Novelty.RARE
    return Novelty.FIRST_TODAY if today_before == 0 else None
