"""The steps between versions of the database's contents (see schema.py). Each batch may be repeated."""

from collections.abc import AsyncIterator

from services.chassis.database import Database, Document, available

BATCH = 2000


async def effective_labels(database: Database) -> AsyncIterator[int]:
    """Give each run the fields ``label`` and ``is_insect``, by which it is found: a person's word, else the machine's.

    A run that already has them is left alone, so what a newer service writes meanwhile is never undone.
    """
    missing: Document = {"label": {"$exists": False}}
    said = {"$ifNull": ["$verification", "$result"]}
    fields: Document = {
        "label": {"$ifNull": [{"$getField": {"field": "label", "input": said}}, None]},
        "is_insect": {"$ifNull": [{"$getField": {"field": "is_insect", "input": said}}, None]},
    }
    while True:
        cursor = database.runs.find(missing, {"_id": 1}).limit(BATCH)
        ids = [document["_id"] for document in await available(lambda c=cursor: c.to_list(BATCH))]  # type: ignore[misc]
        if not ids:
            return
        query = {"_id": {"$in": ids}, **missing}
        result = await available(lambda q=query: database.runs.update_many(q, [{"$set": fields}]))  # type: ignore[misc]
        yield int(result.modified_count)
