"""Make a backup: the documents of one moment first, then the objects that they speak of.

In this order nothing is missing: an object is stored before its document, so whatever the documents name is there.
Only retention removes what documents name, so it waits as long as a backup is made (they share a lease).
"""

import asyncio
import gzip
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from krabbel.backup.manifest import (
    MANIFEST,
    CollectionFile,
    Manifest,
    file_sha256,
    hash_in,
    object_path,
    write_durably,
)
from proto.errors import Conflict
from proto.run import sheet_key_of, thumbnail_key_of
from services.chassis.database import Database
from services.chassis.lease import held
from services.chassis.object_store import ObjectNotFound, ObjectStore
from services.chassis.retention_sweep import JOB as RETENTION_JOB
from services.chassis.schema import Schema
from services.chassis.snapshot import Snapshot, fields_of, open_snapshot

AT_ONCE = 16
DERIVED = ("thumbs/", "sheets/")
"""Prefixes of objects that were made from pictures: kept as well, since the pictures may go one day."""
Tell = Callable[[str, int, int], None]
"""Gets what is done, how much of it, of how much (0: unknown)."""


class BackupMaker:
    """Writes one backup into a folder; what is there already is not fetched again."""

    def __init__(self, folder: Path, database: Database, store: ObjectStore, tell: Tell) -> None:
        self._folder, self._database, self._store, self._tell = folder, database, store, tell
        self._keys: dict[str, int | None] = {}
        self.fetched = 0

    async def make(self) -> tuple[str, Manifest]:
        """Return the backup's name and manifest, once all of it is on the disk.

        Raises:
            Unavailable: a store is away; run it again, it goes on with the objects.
            Conflict: an object is not what its key says.
        """
        async with held(self._database, RETENTION_JOB, lambda: self._tell("waits for retention's sweep", 0, 0)):
            return await self._make(datetime.now(UTC))

    async def _make(self, moment: datetime) -> tuple[str, Manifest]:
        name = moment.strftime("%Y-%m-%dT%H-%M-%S-%fZ")
        target = self._folder / "backups" / name
        target.mkdir(mode=0o700, parents=True)
        version = await Schema(self._database).version()
        async with open_snapshot(self._database) as snapshot:
            files = [await self._collection(snapshot, target, each) for each in await snapshot.collections()]
        for prefix in DERIVED:
            self._keys |= {item.key: item.byte_size for item in await self._store.list(prefix)}
        sizes, missing = await self._objects()
        manifest = Manifest(
            made_at=moment,
            schema_version=version,
            collections=files,
            objects=len(sizes),
            object_bytes=sum(sizes),
            missing_objects=sorted(missing),
        )
        await asyncio.to_thread(write_durably, target / MANIFEST, manifest.model_dump_json(indent=1).encode())
        return name, manifest

    async def _collection(self, snapshot: Snapshot, target: Path, name: str) -> CollectionFile:
        path, count = target / f"{name}.bson.gz", 0
        with gzip.open(path, "wb", compresslevel=3) as file:
            async for document in snapshot.documents(name):
                file.write(document)
                count += 1
                self._note_objects(name, document)
                if count % 1000 == 0:
                    self._tell(f"documents: {name}", count, 0)
        self._tell(f"documents: {name}", count, count)
        digest = await asyncio.to_thread(file_sha256, path)
        return CollectionFile(name=name, documents=count, byte_size=path.stat().st_size, sha256=digest)

    def _note_objects(self, collection: str, document: bytes) -> None:
        if collection in ("runs", "models"):
            for key, size in objects_of(collection, fields_of(document)):
                self._keys[key] = size

    async def _objects(self) -> tuple[list[int], list[str]]:
        """Fetch what is not there yet, several at a time; return the sizes of all, and the keys without an object."""
        sizes: list[int] = []
        missing: list[str] = []
        waiting = iter(sorted(self._keys.items()))

        async def work() -> None:
            for key, size in waiting:
                found = await self._object(key, size)
                if found is None:
                    missing.append(key)
                else:
                    sizes.append(found)
                self._tell("objects", len(sizes) + len(missing), len(self._keys))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        return sizes, missing

    async def _object(self, key: str, size: int | None) -> int | None:
        path = object_path(self._folder, key)
        if path.exists() and size in (None, path.stat().st_size):
            return path.stat().st_size
        try:
            data = await self._store.get(key)
        except ObjectNotFound:
            return None
        await asyncio.to_thread(_keep, path, key, data)
        self.fetched += 1
        return len(data)


def _keep(path: Path, key: str, data: bytes) -> None:
    check_bytes(key, data)
    write_durably(path, data)


def check_bytes(key: str, data: bytes) -> None:
    """Return where the bytes are what the key promises.

    Raises:
        Conflict: they are not.
    """
    import hashlib

    promised = hash_in(key)
    if promised is not None and hashlib.sha256(data).hexdigest() != promised:
        raise Conflict(f"The object {key} is not what its key says: its bytes have another SHA-256.")


def objects_of(collection: str, document: dict[str, Any]) -> Iterable[tuple[str, int | None]]:
    """Yield key and size of the objects that a document speaks of; of a run whose pictures are gone, those kept."""
    if collection == "runs":
        gone = document.get("pictures_gone")
        for image in document.get("images", ()):
            if gone is None or image["sha256"] in gone["kept"]:
                yield image["object_key"], image.get("byte_size")
    elif collection == "models":
        from services.chassis.models import RegisteredModel

        model = RegisteredModel.model_validate(document)
        yield model.object_key, model.byte_size


def previews_gone(collection: str, document: dict[str, Any]) -> Iterable[str]:
    """Yield the previews that a run's document says are gone with its pictures."""
    if collection == "runs" and (gone := document.get("pictures_gone")) is not None:
        yield sheet_key_of(document["_id"])
        if not gone["thumbnail_kept"]:
            yield thumbnail_key_of(document["_id"])
