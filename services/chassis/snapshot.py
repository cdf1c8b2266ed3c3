"""All documents of one moment, as raw BSON, and the way back: what `krabbel backup` and `restore` read and write.

Raw: a document comes back byte for byte, whatever a newer or older Krabbel wrote into it. A snapshot session reads
every collection as it was at one moment; MongoDB keeps that moment for five minutes unless its parameter
``minSnapshotHistoryWindowInSeconds`` says longer.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

from bson import decode, decode_iter
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from proto.errors import Unavailable
from services.chassis.database import Database, Document, Session, available

PASSING = frozenset({"workers", "leases", "restores", "sessions"})
"""Collections that describe the running system, not what it holds."""
BATCH = 500
_RAW: "CodecOptions[Any]" = CodecOptions(document_class=RawBSONDocument)


class Snapshot:
    """One moment of the database. Get one from :func:`open_snapshot`."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database, self._session = database, session

    async def collections(self) -> list[str]:
        """Return the names of what has to be kept."""
        names = await available(self._database.handle.list_collection_names)
        return sorted(name for name in names if name not in PASSING and not name.startswith("system."))

    async def documents(self, collection: str) -> AsyncIterator[bytes]:
        """Yield each document of a collection as BSON, by ``_id``.

        Raises:
            Unavailable: the database is away, or the moment is no longer kept.
        """
        # Without a read concern of its own: the session says "snapshot".
        source = self._database.handle[collection].with_options(codec_options=_RAW, read_concern=ReadConcern())
        try:
            async for document in source.find({}, session=self._session, batch_size=BATCH).sort("_id", 1):
                yield bytes(cast("RawBSONDocument", document).raw)
        except PyMongoError as error:
            raise Unavailable(f"The database cannot be read ({type(error).__name__}: {error}).") from error


@asynccontextmanager
async def open_snapshot(database: Database) -> AsyncIterator[Snapshot]:
    """Hold the present moment."""
    async with await database.client.start_session(snapshot=True) as session:
        yield Snapshot(database, session)


def fields_of(document: bytes) -> Document:
    """Return a raw document's fields."""
    return decode(document)


def split(data: bytes) -> Iterator[Document]:
    """Return the documents in a row of BSON."""
    return decode_iter(data)


async def is_empty(database: Database) -> bool:
    """Say whether no run was stored yet. A started system has a camera already: the one behind its settings' key."""
    return await available(lambda: database.runs.find_one({}, {"_id": 1})) is None


async def write_back(database: Database, collection: str, documents: Iterable[bytes]) -> int:
    """Store raw documents under their ids (the same again replaces them) and return how many."""
    target = database.handle[collection]
    writes = [
        ReplaceOne({"_id": raw["_id"]}, cast("Document", raw), upsert=True)
        for raw in (RawBSONDocument(document) for document in documents)
    ]
    if writes:
        await available(lambda: target.bulk_write(writes, ordered=False))
    return len(writes)


async def restoring(database: Database) -> str | None:
    """Return the name of the backup whose restoring was begun and not finished."""
    document = await available(lambda: database.handle["restores"].find_one({"_id": "restore"}))
    return None if document is None else str(document["backup"])


async def note_restoring(database: Database, backup: str | None) -> None:
    """Write down that a backup is being restored; None: that it is done."""
    notes = database.handle["restores"]
    if backup is None:
        await available(lambda: notes.delete_one({"_id": "restore"}))
    else:
        await available(lambda: notes.replace_one({"_id": "restore"}, {"backup": backup}, upsert=True))
