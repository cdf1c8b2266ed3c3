"""In which order runs are listed, and what an order asks of the database. Plain code.

Each order has an index (services/chassis/database.py) that ends in the id, so a page is found by seeking behind the
last row of the one before, however far down the list it is.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """One order. ``field``: the run's field; ``kind``: its letter in cursors, so that none is taken for another's."""

    field: str
    kind: str
    descending: bool = True
    judged: bool = False
    """The field belongs to a result: runs without one have no place in the order and are left out."""

    @property
    def direction(self) -> int:
        """MongoDB's 1 or -1."""
        return -1 if self.descending else 1

    @property
    def sort(self) -> list[tuple[str, int]]:
        """MongoDB's sort: the id decides between equals."""
        return [(self.field, self.direction), ("_id", self.direction)]

    def restriction(self) -> dict[str, Any]:
        """Return what a query needs so that the order's index, which has judged runs only, can answer it."""
        return {self.field: {"$gte": 0}} if self.judged else {}

    def behind(self, value: Any, run_id: str) -> dict[str, Any]:
        """Return the query of all rows behind a row."""
        beyond, bound = ("$lt", "$lte") if self.descending else ("$gt", "$gte")
        return {
            # The bound lets the index seek; the $or then drops what the page before already showed.
            self.field: {bound: value},
            "$or": [{self.field: {beyond: value}}, {self.field: value, "_id": {beyond: run_id}}],
        }

    def value_of(self, document: dict[str, Any]) -> Any:
        """Return the field of a document."""
        found: Any = document
        for part in self.field.split("."):
            found = found[part]
        return found


CERTAINTY = "result.probability_weighted"
IMAGES = "result.images"
NEWEST = Order("sort_at", "")
OLDEST = Order("sort_at", "", descending=False)
ORDERS: dict[str, Order] = {
    "newest": NEWEST,
    "oldest": OLDEST,
    "most_certain": Order(CERTAINTY, "c", judged=True),
    "least_certain": Order(CERTAINTY, "c", descending=False, judged=True),
    "longest": Order("duration_s", "d"),
    "shortest": Order("duration_s", "d", descending=False),
    "most_images": Order(IMAGES, "i", judged=True),
    "fewest_images": Order(IMAGES, "i", descending=False, judged=True),
}
