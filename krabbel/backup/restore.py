"""Restore a backup into empty stores: the objects first, then the documents, so that no document lacks its objects."""

import asyncio
import itertools
import mimetypes
from pathlib import Path

from krabbel.backup.make import AT_ONCE, DERIVED, Tell, check_bytes, objects_of, previews_gone
from krabbel.backup.manifest import Manifest, file_sha256, object_path, read_documents
from proto.errors import Conflict
from services.chassis.database import Database
from services.chassis.object_store import ObjectStore
from services.chassis.schema import NEWEST
from services.chassis.snapshot import BATCH, fields_of, is_empty, note_restoring, restoring, write_back

KINDS = {".webp": "image/webp", ".jpg": "image/jpeg", ".png": "image/png"}


def check_files(folder: Path, name: str, manifest: Manifest, tell: Tell) -> list[str]:
    """Return the keys of the backup's objects, once every file was found to be what the manifest says.

    Raises:
        Conflict: a file is missing or was changed, or the backup is of a newer Krabbel.
    """
    if manifest.schema_version > NEWEST:
        raise Conflict(f"The backup has version {manifest.schema_version}; this Krabbel understands {NEWEST}.")
    keys: list[str] = []
    gone: set[str] = set()
    for entry in manifest.collections:
        path = folder / "backups" / name / f"{entry.name}.bson.gz"
        if not path.is_file() or file_sha256(path) != entry.sha256:
            raise Conflict(f"{path} is missing or is not what the manifest says; nothing was restored.")
        if entry.name in ("runs", "models"):
            for document in read_documents(path):
                fields = fields_of(document)
                keys += [key for key, _ in objects_of(entry.name, fields)]
                gone.update(previews_gone(entry.name, fields))
    missing = set(manifest.missing_objects)
    keys = sorted(set(keys) - missing)
    for number, key in enumerate(keys, 1):
        path = object_path(folder, key)
        if not path.is_file():
            raise Conflict(f"The backup lacks the object {key}; nothing was restored.")
        check_bytes(key, path.read_bytes())
        tell("checked objects", number, len(keys))
    for prefix in DERIVED:
        root = folder / "objects" / prefix
        found = (str(path.relative_to(folder / "objects")) for path in root.rglob("*") if path.suffix != ".part")
        keys += sorted(
            key for key in found if key not in gone
        )  # an older backup in this folder may still have had them
    return keys


async def restore(
    folder: Path, name: str, manifest: Manifest, database: Database, store: ObjectStore, tell: Tell
) -> int:
    """Bring a backup back and return the number of its documents. Broken off, it is simply run again.

    Raises:
        Conflict: the stores are not empty, or the backup's files are not whole.
        Unavailable: a store is away.
    """
    begun = await restoring(database)
    if begun not in (None, name) or (begun is None and not await is_empty(database)):
        raise Conflict("The database is not empty. Restore into an empty one: nothing is overwritten or mixed.")
    keys = await asyncio.to_thread(check_files, folder, name, manifest, tell)
    await note_restoring(database, name)
    await store.ensure_bucket()
    await _put_objects(folder, keys, store, tell)
    total = 0
    for entry in manifest.collections:
        documents = read_documents(folder / "backups" / name / f"{entry.name}.bson.gz")
        written = 0
        while batch := list(itertools.islice(documents, BATCH)):
            written += await write_back(database, entry.name, batch)
            tell(f"documents: {entry.name}", written, entry.documents)
        if written != entry.documents:
            raise Conflict(f"{entry.name}: {written} documents instead of {entry.documents}.")
        total += written
    await database.ensure_indexes()
    await note_restoring(database, None)
    return total


async def _put_objects(folder: Path, keys: list[str], store: ObjectStore, tell: Tell) -> None:
    there = {item.key: item.byte_size for prefix in ("runs/", "models/", *DERIVED) for item in await store.list(prefix)}
    waiting, done = iter(keys), 0

    async def work() -> None:
        nonlocal done
        for key in waiting:
            path = object_path(folder, key)
            if there.get(key) != path.stat().st_size:
                kind = KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                await store.put_file(key, path, kind)
            done += 1
            tell("objects", done, len(keys))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
