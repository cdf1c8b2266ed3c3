"""MongoDB, through motor: the connection, the collections and their indexes.

Write concern majority and journalled, set here and nowhere else. Repositories (runs.py, cameras.py) hold the queries.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, IndexModel, ReadPreference, WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from proto.errors import Unavailable
from services.chassis.settings import BackendSettings

Document = dict[str, Any]
T = TypeVar("T")

if TYPE_CHECKING:
    Collection = AsyncIOMotorCollection[Document]
    Client = AsyncIOMotorClient[Document]
    Handle = AsyncIOMotorDatabase[Document]
else:
    Collection, Client, Handle = AsyncIOMotorCollection, AsyncIOMotorClient, AsyncIOMotorDatabase

INDEXES: dict[str, list[IndexModel]] = {
    "runs": [
        IndexModel([("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("camera_id", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("local_date", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("result.label", ASCENDING), ("sort_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("received_at", ASCENDING)]),
    ],
    "classifications": [IndexModel([("run_id", ASCENDING)])],
    "api_keys": [IndexModel([("camera_id", ASCENDING)])],
    "workers": [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=60)],
}


class Database:
    """Handles of all collections. Get one from :func:`open_database`."""

    def __init__(self, client: Client, database: Handle) -> None:
        self.client = client
        self.handle = database
        self.runs: Collection = database["runs"]
        self.classifications: Collection = database["classifications"]
        self.cameras: Collection = database["cameras"]
        self.api_keys: Collection = database["api_keys"]
        self.models: Collection = database["models"]
        self.workers: Collection = database["workers"]

    async def ping(self) -> None:
        """Return when a primary answers.

        Raises:
            Unavailable: none does.
        """
        try:
            await self.client.admin.command("ping")
        except PyMongoError as error:
            raise Unavailable("The database does not answer.") from error

    async def ensure_indexes(self) -> None:
        """Create missing indexes; those that are there cost one round trip."""
        for name, models in INDEXES.items():
            await self.handle[name].create_indexes(models)


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
        codec_options=CodecOptions(tz_aware=True),
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )
    try:
        yield Database(client, database)
    finally:
        client.close()


def is_unavailable(error: BaseException) -> bool:
    """Say whether an error of the driver means "the server is away", so that trying later helps."""
    return isinstance(error, PyMongoError) and not isinstance(error, DuplicateKeyError)


async def insert_once(collection: Collection, document: Document) -> bool:
    """Insert unless a document with this ``_id`` is there; return whether it was inserted."""
    try:
        await collection.insert_one(document)
    except DuplicateKeyError:
        return False
    return True


async def available(call: Callable[[], Awaitable[T]]) -> T:
    """Run a database call and translate "server away" into :class:`Unavailable` (503) once, for all callers."""
    try:
        return await call()
    except DuplicateKeyError:
        raise
    except PyMongoError as error:
        raise Unavailable(f"The database is away ({type(error).__name__}); try again.") from error
