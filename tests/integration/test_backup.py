"""Backup and restore on real servers: wiped, brought back, every hash and number equal."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from krabbel.backup.make import BackupMaker
from krabbel.backup.manifest import backups, object_path, read_manifest
from krabbel.backup.restore import restore
from proto.errors import Conflict
from services.chassis.cameras import Cameras, hash_key
from services.chassis.database import Database, open_database
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.rollups import Rollups
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from tests.stack_fixture import RunningStack
from tests.support.seeds import a_run, a_verdict, jpeg

pytestmark = pytest.mark.stack


@dataclass
class World:
    """A database and a bucket of this test's own."""

    settings: BackendSettings
    database: Database
    store: ObjectStore

    async def add(self, number: int) -> str:
        data = jpeg(number)
        run = a_run(number, data=data)
        image = run.images[0].model_copy(update={"byte_size": len(data)})
        run = run.model_copy(update={"images": (image,)})
        await self.store.put(image.object_key, data, "image/jpeg")
        await Runs(self.database).receive(run)
        await Runs(self.database).complete(a_verdict(run, ("bee", "fly", "none_bg")[number % 3]))
        return image.object_key

    async def hashes(self) -> dict[str, str]:
        keys = [item.key for item in await self.store.list("runs/")]
        return {key: hashlib.sha256(await self.store.get(key)).hexdigest() for key in keys}

    async def documents(self) -> dict[str, list[dict[str, object]]]:
        names = await self.database.handle.list_collection_names()
        return {name: await self.database.handle[name].find().sort("_id", 1).to_list(None) for name in sorted(names)}

    async def wipe(self) -> None:
        await self.store.remove([item.key for item in await self.store.list("")])
        await self.database.client.drop_database(self.settings.mongo_database)


@pytest.fixture
async def world(backends: RunningStack) -> AsyncIterator[World]:
    name = f"t{uuid.uuid4().hex[:12]}"
    settings = BackendSettings.from_env(
        {**backends.env, "KRABBEL_MONGO_DATABASE": name, "KRABBEL_S3_BUCKET": f"backup-{name}"}
    )
    async with open_database(settings) as database, open_object_store(settings) as store:
        await store.ensure_bucket()
        await database.ensure_indexes()
        opened = World(settings, database, store)
        yield opened
        await opened.wipe()


def quiet(_what: str, _done: int, _total: int) -> None:
    return None


async def test_wiped_system_is_brought_back_with_every_hash_and_number(world: World, tmp_path: Path) -> None:
    keys = [await world.add(number) for number in range(12)]
    secret = await Cameras(world.database).issue_key(frozenset(), "garden-1", "trap")
    first = BackupMaker(tmp_path, world.database, world.store, quiet)
    await first.make()
    assert first.fetched == 12
    keys.append(await world.add(99))
    second = BackupMaker(tmp_path, world.database, world.store, quiet)
    name, manifest = await second.make()
    assert (second.fetched, manifest.objects, manifest.missing_objects) == (1, 13, [])
    assert len(backups(tmp_path)) == 2

    hashes, documents = await world.hashes(), await world.documents()
    with pytest.raises(Conflict, match="not empty"):
        await restore(tmp_path, name, manifest, world.database, world.store, quiet)
    await world.wipe()
    assert await world.hashes() == {}

    await restore(tmp_path, *read_manifest(tmp_path, None), world.database, world.store, quiet)
    assert await world.hashes() == hashes
    assert {name: found for name, found in (await world.documents()).items() if found} == {
        name: found for name, found in documents.items() if found
    }
    assert await Rollups(world.database).compare() == []
    assert await Cameras(world.database).key(hash_key(secret)) is not None


async def test_restore_that_was_broken_off_goes_on(world: World, tmp_path: Path) -> None:
    for number in range(3):
        await world.add(number)
    name, manifest = await BackupMaker(tmp_path, world.database, world.store, quiet).make()
    hashes = await world.hashes()
    await world.wipe()

    def breaks_off(what: str, done: int, _total: int) -> None:
        if what == "documents: runs" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await restore(tmp_path, name, manifest, world.database, world.store, breaks_off)
    await restore(tmp_path, name, manifest, world.database, world.store, quiet)
    assert await world.hashes() == hashes
    assert sum((await Runs(world.database).count_by_status()).values()) == 3


async def test_changed_file_is_found_before_anything_is_written(world: World, tmp_path: Path) -> None:
    key = await world.add(1)
    name, manifest = await BackupMaker(tmp_path, world.database, world.store, quiet).make()
    await world.wipe()
    picture = object_path(tmp_path, key)
    picture.write_bytes(picture.read_bytes()[:-1] + b"x")
    with pytest.raises(Conflict, match="not what its key says"):
        await restore(tmp_path, name, manifest, world.database, world.store, quiet)
    (tmp_path / "backups" / name / "runs.bson.gz").write_bytes(b"")
    with pytest.raises(Conflict, match="not what the manifest says"):
        await restore(tmp_path, name, manifest, world.database, world.store, quiet)
    assert await world.hashes() == {}


async def test_missing_picture_is_named_and_the_rest_is_kept(world: World, tmp_path: Path) -> None:
    lost, kept = await world.add(1), await world.add(2)
    await world.store.remove([lost])
    name, manifest = await BackupMaker(tmp_path, world.database, world.store, quiet).make()
    assert manifest.missing_objects == [lost]
    await world.wipe()
    await restore(tmp_path, name, manifest, world.database, world.store, quiet)
    assert list(await world.hashes()) == [kept]
