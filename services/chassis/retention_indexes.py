"""The indexes by which retention finds its runs, and the selections that they hold."""

from typing import Any

from pymongo import ASCENDING, IndexModel

WITH_PICTURES: dict[str, Any] = {"status": "classified", "pictures_gone": None}
"""Runs that retention may look at; whose pictures are gone leave this index, so that no sweep wades through them."""
REDUCED: dict[str, Any] = {"pictures_gone.reduced": True}
"""Runs that kept one picture."""
GOING: dict[str, Any] = {"pictures_gone.pending.pictures": {"$gte": 0}}
"""Runs that say their pictures are gone, and whose objects may still be there."""

_BY_CLASS_AND_AGE = [("label", ASCENDING), ("sort_at", ASCENDING), ("_id", ASCENDING)]
RETENTION_INDEXES = (
    IndexModel(_BY_CLASS_AND_AGE, name="with_pictures", partialFilterExpression=WITH_PICTURES),
    IndexModel(_BY_CLASS_AND_AGE, name="reduced", partialFilterExpression=REDUCED),
    IndexModel([("pictures_gone.pending.pictures", ASCENDING)], name="going", partialFilterExpression=GOING),
)
