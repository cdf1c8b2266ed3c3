"""The version of the database's contents: which one this program understands, and the steps that lead to it.

Versions only go up. A step is done in small batches, each of which can be repeated, and what is done is written down:
an upgrade that was broken off goes on where it was. Services never upgrade by themselves (several of them start at the
same time, and old ones may still run); they say plainly what is needed, and `krabbel upgrade` does it.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from proto.errors import Conflict, KrabbelError
from services.chassis.database import Database, available, insert_once
from services.chassis.logging import get_logger
from services.chassis.migrations import effective_labels

KEY = "database"
log = get_logger(__name__)
Step = Callable[[Database], AsyncIterator[int]]


class SchemaTooNew(KrabbelError):
    """The database was upgraded by a newer Krabbel."""

    status, slug, title = 503, "schema-too-new", "The database is newer than this program"


@dataclass(frozen=True, slots=True)
class Migration:
    """The step to one version; ``run`` yields how many documents each batch changed."""

    version: int
    name: str
    run: Step


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "runs say what they count as (a person's word, else the machine's)", effective_labels),
)
NEWEST = MIGRATIONS[-1].version


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration is."""

    migration: Migration
    changed: int
    done: bool


class Schema:
    """The database's version. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
        self._database = database
        self._migrations = migrations
        self._collection = database.handle["schema"]

    @property
    def newest(self) -> int:
        """The version that this program understands."""
        return self._migrations[-1].version

    async def version(self) -> int:
        """Return the database's version; an empty database gets the newest at once, an unmarked one has 0."""
        document = await available(lambda: self._collection.find_one({"_id": KEY}))
        if document is not None:
            return int(document["version"])
        if await available(lambda: self._database.runs.find_one({}, {"_id": 1})) is not None:
            return 0
        fresh = {"_id": KEY, "version": self.newest, "since": datetime.now(UTC)}
        await available(lambda: insert_once(self._collection, fresh))
        return self.newest

    async def note(self) -> str:
        """Return what is to be said of the version: empty where it fits.

        Raises:
            SchemaTooNew: a newer Krabbel wrote the database.
        """
        return explain(await self.version(), self.newest)

    async def check(self) -> None:
        """Return where this program understands the database, perhaps an older one: for readiness.

        Raises:
            SchemaTooNew: a newer Krabbel wrote it.
        """
        await self.note()

    async def tell(self) -> None:
        """Write to the log what is to be said of the version, once, at a service's start."""
        try:
            if note := await self.note():
                log.warning("the database is older than this program", note=note)
        except SchemaTooNew as error:
            log.critical("the database is newer than this program", note=error.detail)

    async def upgrade(self) -> AsyncIterator[Progress]:
        """Do what is missing, step by step; yields after each batch.

        Raises:
            SchemaTooNew: there is nothing to go back to.
        """
        version = await self.version()
        explain(version, self.newest)
        for migration in self._migrations:
            if migration.version <= version:
                continue
            changed = 0
            async for count in migration.run(self._database):
                changed += count
                yield Progress(migration, changed, done=False)
            await self._reached(migration)
            yield Progress(migration, changed, done=True)

    async def _reached(self, migration: Migration) -> None:
        change = {
            "$max": {"version": migration.version},
            "$set": {"since": datetime.now(UTC)},
            "$push": {"done": {"version": migration.version, "name": migration.name, "at": datetime.now(UTC)}},
        }
        await available(lambda: self._collection.update_one({"_id": KEY}, change, upsert=True))


def explain(version: int, newest: int) -> str:
    """Return what an operator should know: empty where program and database fit.

    Raises:
        SchemaTooNew: the database is newer.
    """
    if version > newest:
        raise SchemaTooNew(
            f"The database has version {version}, and this Krabbel understands {newest}. Start the newer Krabbel, or "
            "restore a backup that was made before the upgrade."
        )
    if version < newest:
        return f"The database has version {version} of {newest}: run `krabbel upgrade`. Until then lists may miss runs."
    return ""


async def require_current(database: Database) -> None:
    """Return where the database has this program's version: for commands that write many documents.

    Raises:
        SchemaTooNew: it is newer.
        Conflict: it is older.
    """
    note = await Schema(database).note()
    if note:
        raise Conflict(note)
