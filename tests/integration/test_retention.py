"""Retention on real servers: what goes, what stays, who says so, and a process killed between any two steps."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from krabbel.backup.make import BackupMaker
from krabbel.backup.restore import restore
from proto.camera import Scope
from proto.retention import RetentionMode, RetentionRule, RetentionRules, RetentionSweep
from proto.run import TrackingRun, sheet_key_of, thumbnail_key_of
from proto.verification import VerificationItem
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.lease import Lease, held
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.retention import Retention
from services.chassis.retention_plan import Busy
from services.chassis.retention_sweep import RetentionSweeper
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.verifications import Verifications
from services.query.app import create_app
from services.query.settings import QuerySettings
from tests.stack_fixture import RunningStack
from tests.support.ingest_process import IngestProcess
from tests.support.seeds import a_run, a_verdict

pytestmark = pytest.mark.stack
ON = RetentionMode.ON


@dataclass
class World:
    """A database and a bucket of this test's own."""

    database: Database
    store: ObjectStore
    env: dict[str, str] = field(default_factory=dict)
    busy: Busy = field(default_factory=Busy)
    free: int | None = None
    number: int = 0

    async def add(
        self, label: str = "none_bg", age_days: float = 100, images: int = 3, *, previews: bool = True
    ) -> TrackingRun:
        self.number += 1
        run = a_run(self.number, at=datetime.now(UTC) - timedelta(days=age_days), images=images)
        for index, image in enumerate(run.images):  # the bytes of which the key is the hash
            await self.store.put(image.object_key, f"garden-1/{self.number}/{index}".encode(), "image/jpeg")
        if previews:
            for key in (thumbnail_key_of(run.run_id), sheet_key_of(run.run_id)):
                await self.store.put(key, b"y", "image/webp")
        await Runs(self.database).receive(run)
        await Runs(self.database).complete(a_verdict(run, label))
        return await Runs(self.database).get(run.run_id)

    async def verify(self, run: TrackingRun, label: str) -> None:
        await Verifications(self.database).decide([VerificationItem(run_id=run.run_id, label=label)], "Maja")

    async def set(self, **rules: Any) -> None:
        await Retention(self.database).set_rules(RetentionRules(**{"mode": ON, **rules}), "test")

    async def sweep(self, *, most_runs: int = 1000, dry_run: bool = False) -> RetentionSweep:
        async def find_busy() -> Busy:
            return self.busy

        sweeper = RetentionSweeper(
            self.database, self.store, find_busy, most_runs=most_runs, disk_free=lambda: self.free
        )
        swept = await sweeper.sweep(dry_run=dry_run)
        assert swept is not None
        return swept

    async def left(self, run: TrackingRun) -> tuple[int, bool, bool]:
        """Return the number of its pictures that are stored, and whether thumbnail and sheet are."""
        pictures = len(await self.store.list(f"runs/{run.run_id}/"))
        previews = [await self.store.exists(key(run.run_id)) for key in (thumbnail_key_of, sheet_key_of)]
        return pictures, previews[0], previews[1]

    async def now(self, run: TrackingRun) -> TrackingRun:
        return await Runs(self.database).get(run.run_id)


ALL, THUMBNAIL_ONLY = (3, True, True), (0, True, False)


@pytest.fixture
async def world(backends: RunningStack) -> AsyncIterator[World]:
    name = f"t{uuid.uuid4().hex[:12]}"
    env = {**backends.env, "KRABBEL_MONGO_DATABASE": name, "KRABBEL_S3_BUCKET": name}
    settings = BackendSettings.from_env(env)
    async with open_database(settings) as database, open_object_store(settings) as store:
        await database.ensure_indexes()
        await store.ensure_bucket()
        yield World(database, store, backends.env)
        await database.client.drop_database(name)


async def test_false_sightings_go_and_verified_young_and_busy_runs_stay(world: World):
    gone, verified, young, busy = [await world.add(age_days=days) for days in (100, 100, 5, 100)]
    insect, called_a_bee = await world.add("bee"), await world.add()
    await world.verify(verified, "none_bg")
    await world.verify(called_a_bee, "bee")
    world.busy = Busy(frozenset({busy.run_id}))

    # Nothing without rules; by a dry run only numbers; the forecast says the same
    assert (await world.sweep()).runs == 0
    await world.set(mode=RetentionMode.DRY_RUN, false_sightings_days=30)
    counted = await world.sweep()
    assert (counted.mode, counted.runs, counted.pictures, counted.byte_size) == (RetentionMode.DRY_RUN, 1, 3, 300)
    assert (await Retention(world.database).state(datetime.now(UTC))).would_go.runs == 2  # who is busy, sweeps find out
    assert await world.left(gone) == ALL

    await world.set(false_sightings_days=30)
    swept = await world.sweep()
    assert (swept.mode, swept.runs, swept.pictures, swept.byte_size, swept.finished) == (ON, 1, 3, 300, True)
    assert await world.left(gone) == THUMBNAIL_ONLY
    for run in (verified, young, busy, insect, called_a_bee):
        assert await world.left(run) == ALL
        assert (await world.now(run)).pictures_gone is None
    said = (await world.now(gone)).pictures_gone
    assert said is not None
    assert (said.rule, said.pictures, said.byte_size) == (RetentionRule.FALSE_SIGHTINGS, 3, 300)
    assert said.why == "pictures of false sightings are kept for 30 days"
    after = await world.now(gone)
    assert (after.result, after.images, after.status) == (gone.result, gone.images, gone.status)

    # Once more changes nothing; a run without pictures is not queued again
    assert (await world.sweep()).runs == 0
    assert not await Runs(world.database).requeue(gone.run_id)
    state = await Retention(world.database).state(datetime.now(UTC))
    assert state.last_removal is not None
    assert state.last_removal.pictures == 3


async def test_the_best_picture_stays_first_and_a_run_waits_for_its_thumbnail(world: World):
    run, bare = await world.add("bee"), await world.add("bee", previews=False)
    await world.set(keep_best_picture_days=30)
    swept = await world.sweep()
    assert (swept.runs, swept.held_back) == (1, 1)
    assert await world.database.previews_due.find_one({"_id": bare.run_id}) is not None
    assert await world.left(run) == (1, True, False)
    reduced = await world.now(run)
    assert run.result is not None
    assert [image.sha256 for image in reduced.stored_images] == [run.result.best_image]
    assert await world.store.exists(reduced.stored_images[0].object_key)

    await world.set(keep_best_picture_days=30, insects_days=90, keep_thumbnails=False)
    assert (await world.sweep()).runs == 2
    assert await world.left(run) == (0, False, False)
    said = (await world.now(run)).pictures_gone
    assert said is not None
    assert (said.rule, said.pictures, said.byte_size, said.kept) == (RetentionRule.INSECTS, 3, 300, ())

    # A repeated upload stores them anew: the next sweep removes them again
    await world.store.put(run.images[0].object_key, b"x" * 100, "image/jpeg")
    assert run.images[0].object_key in await Runs(world.database).doomed({run.run_id})  # else an orphan one day
    await Retention(world.database).came_back(run.run_id)
    await world.sweep()
    assert await world.left(run) == (0, False, False)


async def test_for_want_of_space_false_sightings_go_first_then_the_common_classes(world: World):
    dirt = [await world.add("none_dirt", age_days=10 - number, images=1) for number in range(2)]
    bees = [await world.add("bee", age_days=50 - number, images=1) for number in range(4)]
    rare = await world.add("wasp", age_days=400, images=1)
    young = await world.add("none_dirt", age_days=0.2, images=1)
    kept = await world.add("fly", age_days=400, images=1)
    await world.set(max_bytes=500, class_days={"fly": None})
    counted = await world.sweep(dry_run=True)
    assert (counted.runs, counted.stored_bytes) == (4, 900)
    swept = await world.sweep(most_runs=2)
    assert (swept.runs, swept.finished) == (2, False)
    assert [(await world.left(run))[0] for run in dirt] == [0, 0]
    assert (await world.sweep()).runs == 2
    assert [(await world.left(run))[0] for run in bees] == [0, 0, 1, 1]
    assert (await world.sweep()).runs == 0
    # The disk has 100 bytes too few, but 400 are on their way out
    await world.set(min_free_bytes=1000)
    world.free = 600
    assert (await world.sweep()).runs == 0
    world.free = 500
    assert (await world.sweep()).runs == 1
    assert [(await world.left(run))[0] for run in (bees[2], rare, young, kept)] == [0, 1, 1, 1]


@pytest.fixture
def ingest(backends: RunningStack, tmp_path: Path) -> Iterator[IngestProcess]:
    process = IngestProcess(backends.env, tmp_path)
    yield process
    process.kill()


async def test_a_process_killed_between_two_steps_leaves_nothing_half_done(ingest: IngestProcess):
    async with open_database(ingest.backends) as database, open_object_store(ingest.backends) as store:
        await database.ensure_indexes()
        await store.ensure_bucket()
        world = World(database, store)
        await world.set(false_sightings_days=30)
        verified = await world.add()
        await world.verify(verified, "none_bg")
        for point in ("retention-marked", "retention-objects", "retention-done"):
            run = await world.add()
            ingest.start(retention_seconds=0.1, failpoint=point)
            assert ingest.wait_for_death() == -9
            assert (await world.now(run)).pictures_gone is not None  # said first, whatever stands in the store
            await database.handle["leases"].delete_many({})  # as two minutes later
            swept = await world.sweep()
            assert (await world.left(run)) == THUMBNAIL_ONLY
            assert swept.runs == 0
            assert await database.runs.count_documents({"pictures_gone.pending": {"$exists": True}}) == 0
        assert await world.left(verified) == ALL

        # The rules over HTTP, by an administrator only
        key = await Cameras(database).issue_key(frozenset({Scope.ADMIN}), None, "operator")
        reader = await Cameras(database).issue_key(frozenset({Scope.READ}), None, "reader")
        ingest.start(retention_seconds=3600)
        late = await world.add()
        url, rules = f"{ingest.url}/api/v1/retention", {"mode": "on", "false_sightings_days": 20}
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as client:
            async with client.put(url, json=rules, headers={"Authorization": f"Bearer {reader}"}) as answer:
                assert answer.status == 403
            async with client.put(url, json={"false_sighting_days": 1}) as answer:
                assert answer.status == 400
            async with client.put(url, json={"class_days": {"dragon": 1}}) as answer:
                assert answer.status == 422
            async with client.put(f"{url}?dry_run=true", json=rules) as answer:
                assert (await answer.json())["would_go"]["runs"] == 1
            assert (await Retention(database).rules()).false_sightings_days == 30
            async with client.put(url, json=rules) as answer:
                body = await answer.json()
                assert (answer.status, body["changed_by"]) == (200, "operator")
        while await world.left(late) != THUMBNAIL_ONLY:  # a sweep begins at once
            assert ingest.process is not None
            assert ingest.process.poll() is None
        async with aiohttp.ClientSession() as client, asyncio.timeout(20):
            while True:
                async with client.get(f"{ingest.url}/metrics") as answer:
                    lines = (await answer.text()).splitlines()
                if 'krabbel_retention_pictures_total{rule="false_sightings"} 3.0' in lines:
                    break
        assert 'krabbel_retention_removed_bytes_total{rule="false_sightings"} 300.0' in lines


async def test_readers_are_told_when_and_why_pictures_went(world: World):
    name = world.database.handle.name
    gone, reduced = await world.add(), await world.add("bee")
    await world.set(false_sightings_days=30, keep_best_picture_days=30)
    assert (await world.sweep()).runs == 2
    settings = QuerySettings.from_env(world.env | {"KRABBEL_MONGO_DATABASE": name, "KRABBEL_S3_BUCKET": name})
    key = {"Authorization": f"Bearer {world.env['KRABBEL_SERVICE_KEY']}"}
    async with TestClient(TestServer(create_app(settings))) as client:

        async def ask(path: str, status: int, kind: str, **headers: str) -> bytes:
            async with client.get(f"/api/v1/{path}", headers=key | headers) as answer:
                body = await answer.read()
                assert (answer.status, answer.content_type) == (status, kind), body
                return body

        problem, picture = "application/problem+json", f"images/{gone.images[0].object_key.removeprefix('runs/')}"
        said = json.loads(await ask(picture, 410, problem))
        assert said["type"] == "urn:krabbel:problem:pictures-gone"
        assert "pictures of false sightings are kept for 30 days" in said["detail"]
        assert b"picture not kept" in await ask(picture, 410, "image/svg+xml", Accept="image/avif,image/webp,*/*;q=0.8")
        assert await ask(f"runs/{gone.run_id}/thumbnail", 200, "image/webp") == b"y"
        await ask(f"runs/{gone.run_id}/sheet", 410, problem)
        await ask(f"runs/{gone.run_id}/images.zip", 410, problem)
        listed = json.loads(await ask(f"runs/{reduced.run_id}/images", 200, "application/json"))
        assert [item["url"] is not None for item in listed["items"]] == [True, False, False]
        assert listed["sheet"] is None
        run = json.loads(await ask(f"runs/{gone.run_id}", 200, "application/json"))["run"]
        assert (run["pictures_gone"]["rule"], len(run["images"])) == ("false_sightings", 3)
        assert b"pictures_gone_at" in await ask("runs?format=csv&limit=5", 200, "text/csv")
        state = json.loads(await ask("retention", 200, "application/json"))
        assert (state["last_removal"]["runs"], state["rules"]["mode"]) == (2, "on")


async def test_a_backup_neither_misses_nor_brings_back_what_retention_removed(world: World, tmp_path: Path):
    def quiet(_what: str, _done: int, _total: int) -> None:
        return None

    going, reduced = await world.add(), await world.add("bee")
    await BackupMaker(tmp_path, world.database, world.store, quiet).make()
    await world.set(false_sightings_days=30, keep_best_picture_days=30)
    assert (await world.sweep()).runs == 2

    lease = Lease(world.database, "retention", timedelta(minutes=2))
    during: list[bool] = []
    async with held(world.database, "retention", lambda: None):
        during.append(await lease.hold())
    assert during == [False]
    name, manifest = await BackupMaker(tmp_path, world.database, world.store, quiet).make()
    assert manifest.missing_objects == []
    await world.store.remove([item.key for item in await world.store.list("")])
    await world.database.client.drop_database(world.database.handle.name)
    await restore(tmp_path, name, manifest, world.database, world.store, quiet)
    assert await world.left(going) == THUMBNAIL_ONLY
    assert await world.left(reduced) == (1, True, False)
    assert (await world.now(going)).pictures_gone is not None
    assert (await Retention(world.database).rules()).false_sightings_days == 30
