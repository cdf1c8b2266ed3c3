"""MongoDB, through motor: the connection, the collections and their indexes.

Write concern majority and journalled, set here and nowhere else. Repositories (runs.py, cameras.py) hold the queries.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bson.codec_options import CodecOptions
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import ASCENDING, DESCENDING, IndexModel, ReadPreference, WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from proto.errors import KrabbelError, Unavailable
from services.chassis.retention_indexes import RETENTION_INDEXES
from services.chassis.settings import BackendSettings

Document = dict[str, Any]
T = TypeVar("T")

if TYPE_CHECKING:
    Collection = AsyncIOMotorCollection[Document]
    Client = AsyncIOMotorClient[Document]
    Handle = AsyncIOMotorDatabase[Document]
else:
    Collection, Client, Handle = AsyncIOMotorCollection, AsyncIOMotorClient, AsyncIOMotorDatabase
Session = AsyncIOMotorClientSession

_REFUSED = {2, 10334, 17280, 17282, 17419, 17420, 22}
"""Server's codes for documents that it never takes: a bad value, too large, a key too long, broken BSON."""

_DUPLICATE = 11000


class WriteRefused(KrabbelError):
    """The database will never take this document."""

    slug = "write-refused"


TRANSACTION_S = 15.0
"""Seconds for which a transaction is tried again."""

VERIFIED: Document = {"verification.label": {"$exists": True}}
"""Runs on which a person has spoken: few, so what asks for them has small indexes of its own."""
OBSOLETE_INDEXES = {"runs": ("result.label_1_sort_at_-1__id_-1", "camera_id_1_result.label_1_sort_at_-1__id_-1")}
"""Those of the machine's class; what counts is ``label``."""

INDEXES: dict[str, list[IndexModel]] = {
    "runs": [
        IndexModel([("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("camera_id", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("local_date", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("label", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("camera_id", ASCENDING), ("label", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("sort_at", DESCENDING), ("_id", DESCENDING)], name="verified", partialFilterExpression=VERIFIED),
        IndexModel(
            [
                ("verification.label", ASCENDING),
                ("result.label", ASCENDING),
                ("camera_id", ASCENDING),
                ("local_date", ASCENDING),
            ],
            name="agreement",
            partialFilterExpression=VERIFIED,
        ),
        IndexModel([("status", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("tracking_id", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("received_at", ASCENDING)]),
        # The archive's other orders (services/query/run_order.py). Runs without a result are in none of the last two.
        IndexModel([("duration_s", DESCENDING), ("_id", DESCENDING)]),
        IndexModel(
            [("result.probability_weighted", DESCENDING), ("_id", DESCENDING)],
            name="by_certainty",
            partialFilterExpression={"result.probability_weighted": {"$exists": True}},
        ),
        IndexModel(
            [("result.images", DESCENDING), ("_id", DESCENDING)],
            name="by_images",
            partialFilterExpression={"result.images": {"$exists": True}},
        ),
        *RETENTION_INDEXES,
    ],
    "verifications": [IndexModel([("run_id", ASCENDING), ("verified_at", DESCENDING)])],
    "classifications": [IndexModel([("run_id", ASCENDING)])],
    "rollups": [IndexModel([("camera_id", ASCENDING), ("period", ASCENDING)])],
    "previews_due": [IndexModel([("not_before", ASCENDING)])],
    "presence": [IndexModel([("camera_id", ASCENDING), ("day", ASCENDING)])],
    "api_keys": [IndexModel([("camera_id", ASCENDING)])],
    "workers": [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=60)],
    "sessions": [
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("user_id", ASCENDING)]),
    ],
    "gateways": [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=60)],
}


class Database:
    """Handles of all collections. Get one from :func:`open_database`."""

    def __init__(self, client: Client, database: Handle) -> None:
        self.client = client
        self.handle = database
        self.runs: Collection = database["runs"]
        self.classifications: Collection = database["classifications"]
        self.verifications: Collection = database["verifications"]
        self.cameras: Collection = database["cameras"]
        self.api_keys: Collection = database["api_keys"]
        self.users: Collection = database["users"]
        self.sessions: Collection = database["sessions"]
        self.models: Collection = database["models"]
        self.workers: Collection = database["workers"]
        self.rollups: Collection = database["rollups"]
        self.presence: Collection = database["presence"]
        self.previews_due: Collection = database["previews_due"]

    async def ping(self) -> None:
        """Return when a primary answers.

        Raises:
            Unavailable: none does.
        """
        try:
            await self.client.admin.command("ping")
        except PyMongoError as error:
            raise Unavailable("The database does not answer.") from error

    async def disk(self) -> tuple[int, int, int]:
        """Return the bytes that documents and indexes take, and of their disk what is free, and all.

        Raises:
            Unavailable: the database is away.
        """
        said = await available(lambda: self.handle.command("dbStats"))
        total = int(said.get("fsTotalSize", 0))
        used = int(said.get("storageSize", 0)) + int(said.get("indexSize", 0))
        return used, max(0, total - int(said.get("fsUsedSize", 0))), total

    async def ensure_indexes(self) -> None:
        """Create missing indexes (those that are there cost one round trip), and drop those that nothing needs now."""
        for name, models in INDEXES.items():
            await available(partial(self.handle[name].create_indexes, models))
        for name, obsolete in OBSOLETE_INDEXES.items():
            for index in obsolete:
                with suppress(OperationFailure):  # it is not there
                    await self._drop_index(name, index)

    async def _drop_index(self, collection: str, index: str) -> None:
        try:
            await self.handle[collection].drop_index(index)
        except OperationFailure:
            raise
        except PyMongoError as error:
            raise Unavailable(f"The database is away ({type(error).__name__}); try again.") from error

    async def in_transaction(
        self, work: Callable[[Session], Awaitable[T]], *, on_conflict: Callable[[], None] = lambda: None
    ) -> T:
        """Do ``work`` as one transaction and return what it returns; it may be called several times.

        Another writer's conflict, or a lost primary, means: once more, after a short random wait. ``on_conflict`` is
        told first, so that the caller can step aside.

        Raises:
            Unavailable: the database is away, or the conflicts did not end within :data:`TRANSACTION_S`.
            WriteRefused: it will never take this: trying again does not help.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TRANSACTION_S
        wait_s = 0.002
        while True:
            try:
                return await self._attempt(work, deadline)
            except PyMongoError as error:
                if isinstance(error, OperationFailure) and error.code in _REFUSED:
                    raise WriteRefused(f"The database refuses this document (code {error.code}).") from error
                if not error.has_error_label("TransientTransactionError") or loop.time() > deadline:
                    raise Unavailable(f"The database is away ({type(error).__name__}); try again.") from error
            on_conflict()
            await asyncio.sleep(wait_s * (0.5 + random.random()))
            wait_s = min(wait_s * 2, 0.25)

    async def _attempt(self, work: Callable[[Session], Awaitable[T]], deadline: float) -> T:
        async with await self.client.start_session() as session:
            session.start_transaction(ReadConcern("snapshot"), WriteConcern(w="majority", j=True))
            try:
                result = await work(session)
            except BaseException:
                with suppress(PyMongoError):
                    await session.abort_transaction()
                raise
            while True:
                try:
                    await session.commit_transaction()
                    return result
                except PyMongoError as error:
                    # The commit may have happened; asking once more does no harm and tells.
                    if not error.has_error_label("UnknownTransactionCommitResult"):
                        raise
                    if asyncio.get_running_loop().time() > deadline:
                        raise
                await asyncio.sleep(0.1)


@asynccontextmanager
async def open_database(settings: BackendSettings, *, timeout_s: float = 5.0) -> AsyncIterator[Database]:
    """Open the database. It connects lazily: an absent server is no error here, but at the first call."""
    timeout_ms = int(timeout_s * 1000)
    client: Client = AsyncIOMotorClient(
        settings.mongo_url.get_secret_value(),
        tz_aware=True,
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=4 * timeout_ms,
        maxPoolSize=64,
        retryWrites=True,
        appname="krabbel",
    )
    database = client.get_database(
        settings.mongo_database,
        codec_options=CodecOptions(tz_aware=True, tzinfo=UTC),  # Python's own: the driver's is three times slower
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )
    try:
        yield Database(client, database)
    finally:
        client.close()


async def insert_once(collection: Collection, document: Document) -> bool:
    """Insert unless a document with this ``_id`` is there; return whether it was inserted."""
    try:
        await collection.insert_one(document)
    except DuplicateKeyError:
        return False
    return True


async def insert_missing(collection: Collection, documents: list[Document]) -> list[bool]:
    """Insert those documents whose ``_id`` is not there yet, in one request; say of each whether it was inserted.

    Raises:
        WriteRefused: the database will never take one of them; others may have been inserted.
        PyMongoError: as the driver says.
    """
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        errors = (error.details or {}).get("writeErrors", [])
        codes = {int(each["code"]) for each in errors}
        if codes & _REFUSED:
            raise WriteRefused(f"The database refuses a document (codes {sorted(codes)}).") from error
        if codes != {_DUPLICATE} or (error.details or {}).get("writeConcernErrors"):
            raise
        taken = {int(each["index"]) for each in errors}
        return [index not in taken for index in range(len(documents))]
    return [True] * len(documents)


async def available(call: Callable[[], Awaitable[T]]) -> T:
    """Run a database call and translate "server away" into :class:`Unavailable` (503) once, for all callers."""
    try:
        return await call()
    except DuplicateKeyError:
        raise
    except PyMongoError as error:
        raise Unavailable(f"The database is away ({type(error).__name__}); try again.") from error
