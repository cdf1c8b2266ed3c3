"""Ingest on real servers: what it stores, that repeats change nothing, and that no crash loses what was answered."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from PIL import Image

from proto.camera import Camera, Scope
from proto.run import RunStatus, sheet_key_of, thumbnail_key_of
from services.chassis.cameras import Cameras
from services.chassis.runs import Runs
from services.ingest.failpoints import Failpoints, Point
from services.ingest.spool import Spool
from services.ingest.sweep import Sweep
from tests.stack_fixture import RunningStack
from tests.support.deployed_trap import crop_name, send_run
from tests.support.ingest_process import IngestProcess, Stores, open_stores

pytestmark = [pytest.mark.stack]
START = datetime(2024, 5, 15, 10)  # noqa: DTZ001 - naive, as traps are
END = START + timedelta(seconds=9)


def crop(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((80, 80), 20 + number % 80).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


CROPS = [(crop_name(START + timedelta(seconds=number), 17), crop(number)) for number in range(4)]
HASHES = sorted(hashlib.sha256(data).hexdigest() for _, data in CROPS)


@pytest.fixture
def ingest(backends: RunningStack, tmp_path: Path) -> Iterator[IngestProcess]:
    process = IngestProcess(backends.env, tmp_path)
    yield process
    process.kill()


@pytest.fixture
async def stores(ingest: IngestProcess) -> AsyncIterator[Stores]:
    async with open_stores(ingest.backends) as opened:
        yield opened


async def send(ingest: IngestProcess, track_id: int = 17) -> requests.Response:
    return await asyncio.to_thread(send_run, ingest.classify, ingest.key, track_id, START, END, CROPS)


async def assert_stored_once(stores: Stores, camera_id: str, *, runs: int = 1) -> None:
    """Every run is there once, queued, with its bytes, and its job was published."""
    found = await stores.runs()
    assert len(found) == runs
    for run in found:
        assert run.status is RunStatus.QUEUED
        assert sorted(image.sha256 for image in run.images) == HASHES
    objects = await stores.objects()
    assert objects == {image.object_key: image.sha256 for run in found for image in run.images}
    jobs = await stores.take_jobs(camera_id)
    assert {job.run_id for job in jobs} == {run.run_id for run in found}


async def test_accepted_run_is_in_all_three_stores(ingest: IngestProcess, stores: Stores) -> None:
    ingest.start()
    answer = await send(ingest)
    await ingest.until_forwarded()

    assert (answer.status_code, answer.content) == (200, b'{"success":true}')
    await assert_stored_once(stores, ingest.camera_id)
    (run,) = await stores.runs()
    assert (run.camera_id, run.tracking_id, run.local_hour, run.clock_flags) == (ingest.camera_id, "17", 10, ())
    (camera,) = await stores.cameras()
    assert (camera.name, camera.last_upload_at) == (ingest.camera_id, run.received_at)
    assert ingest.key not in ingest.log.read_text(), "no key in any log"


async def test_second_upload_of_same_run_changes_nothing(ingest: IngestProcess, stores: Stores) -> None:
    ingest.start()
    for _ in range(3):
        assert (await send(ingest)).status_code == 200
        await ingest.until_forwarded()
    before = await stores.runs()
    await asyncio.gather(*(send(ingest) for _ in range(8)))
    await ingest.until_forwarded()

    assert await stores.runs() == before
    jobs = await stores.take_jobs(ingest.camera_id)
    assert len(jobs) == 1, "one run, one job"


async def test_upload_with_a_key_of_the_database(ingest: IngestProcess, stores: Stores) -> None:
    ingest.start()
    cameras = Cameras(stores.database)
    await cameras.add(Camera(camera_id="wiese", name="Wiese", timezone="America/New_York", created_at=datetime.now()))  # noqa: DTZ005
    bound = await cameras.issue_key(frozenset({Scope.UPLOAD}), "wiese", "bound")
    free = await cameras.issue_key(frozenset({Scope.UPLOAD}), None, "free")
    reader = await cameras.issue_key(frozenset({Scope.READ}), "wiese", "reader")
    await asyncio.sleep(3)
    form = {"track_id": 1, "start_date": str(START), "end_date": str(END)}

    def post(key: str, form: dict[str, object]) -> requests.Response:
        files = [("run", (None, json.dumps(form))), *(("files", item) for item in CROPS)]
        return requests.post(f"{ingest.url}/api/v1/runs", headers={"access_token": key}, files=files, timeout=30)

    assert post(bound, form).json()["camera_id"] == "wiese"
    assert post(free, form).status_code == 422
    assert post(free, {**form, "camera_id": "nobody"}).status_code == 404
    named = post(free, {**form, "camera_id": "wiese", "track_id": 2})
    assert (named.status_code, named.json()["status"]) == (202, "queued")
    assert post(reader, form).status_code == 403
    (run, _) = await stores.runs()
    assert (run.started_at.hour, run.local_hour) == (14, 10), "the camera's own time zone"

    await cameras.revoke_keys("wiese")
    await asyncio.sleep(5)
    assert post(bound, form).status_code == 401


async def test_heartbeat_is_kept(ingest: IngestProcess, stores: Stores) -> None:
    ingest.start()
    answer = await asyncio.to_thread(
        requests.post,
        f"{ingest.url}/api/v1/cameras/{ingest.camera_id}/heartbeat",
        headers={"access_token": ingest.key},
        json={"battery_percent": 80.5, "temperature_c": 31, "firmware": "1.2", "unknown": 1},
        timeout=30,
    )

    assert answer.status_code == 200
    (camera,) = await stores.cameras()
    assert camera.heartbeat is not None
    assert camera.heartbeat.battery_percent == 80.5
    assert camera.last_seen_at is not None


# Those of retention are in test_retention.
@pytest.mark.parametrize("point", [point for point in Point if not point.startswith("retention")])
async def test_kill_between_any_two_steps_loses_and_doubles_nothing(
    ingest: IngestProcess, stores: Stores, point: Point
) -> None:
    ingest.start(failpoint=point.value)
    try:
        answered = (await send(ingest)).status_code == 200
    except requests.ConnectionError:
        answered = False
    assert await asyncio.to_thread(ingest.wait_for_death) == -9, "it died where it should"
    ingest.start()
    if not answered:
        # Only a client that got no answer sends again; after an answer nothing else may be needed.
        assert (await send(ingest)).status_code == 200
    await ingest.until_forwarded()

    await assert_stored_once(stores, ingest.camera_id)
    assert not list((ingest.spool / "incoming").iterdir())


async def test_reconciler_publishes_a_run_that_stayed_received(ingest: IngestProcess, stores: Stores) -> None:
    ingest.start()
    await send(ingest)
    await ingest.until_forwarded()
    await stores.take_jobs(ingest.camera_id)
    (run,) = await stores.runs()
    await stores.database.runs.update_one({"_id": run.run_id}, {"$set": {"status": "received"}})
    ingest.stop()

    ingest.start(republish_after_seconds=0.1, reconcile_seconds=0.2)

    for _ in range(50):
        if (await Runs(stores.database).get(run.run_id)).status is RunStatus.QUEUED:
            break
        await asyncio.sleep(0.1)
    await assert_stored_once(stores, ingest.camera_id)


async def test_start_without_a_database_knows_the_keys_of_before(ingest: IngestProcess, stores: Stores) -> None:
    ingest.start()
    cameras = Cameras(stores.database)
    await cameras.add(Camera(camera_id="wiese", name="Wiese", created_at=datetime.now()))  # noqa: DTZ005
    key = await cameras.issue_key(frozenset({Scope.UPLOAD}), "wiese", "bound")
    await asyncio.sleep(3)
    ingest.stop()
    assert key not in (ingest.spool / "registry.json").read_text(), "only hashes are kept"

    ingest.start(mongo_url="mongodb://127.0.0.1:9/?replicaSet=krabbel", start_wait_seconds=0.2)

    answer = await asyncio.to_thread(send_run, ingest.classify, key, 5, START, END, CROPS)
    assert answer.status_code == 200
    assert ingest.waiting == 1


async def test_sweep_finds_and_removes_only_old_objects_without_a_run(ingest: IngestProcess, stores: Stores) -> None:
    ingest.start()
    await send(ingest)
    await ingest.until_forwarded()
    kept = await stores.objects()
    orphan = f"runs/{'ab' * 16}/{'0' * 64}.jpg"
    await stores.store.put(orphan, b"lost", "image/jpeg")
    # ... and the previews of a run that is there, and of one that is gone
    run_id = next(iter(kept)).split("/")[1]
    for key_of in (thumbnail_key_of, sheet_key_of):
        await stores.store.put(key_of(run_id), b"kept", "image/webp")
        await stores.store.put(key_of("ab" * 16), b"gone", "image/webp")
    ingest.stop()
    spool = Spool(ingest.spool, 10**9, 0, Failpoints())
    spool.open()

    def sweep(grace: timedelta, *, remove: bool) -> Sweep:
        return Sweep(stores.store, Runs(stores.database), spool, grace, remove=remove)

    young = await sweep(timedelta(hours=1), remove=True).round()
    assert (young.objects, young.orphans) == (len(kept) + 5, 0)
    await asyncio.sleep(1.1)
    dry = await sweep(timedelta(seconds=0), remove=False).round()
    assert (dry.orphans, dry.removed, dry.orphan_bytes) == (3, 0, 12)
    assert (await sweep(timedelta(seconds=0), remove=True).round()).removed == 3
    assert set(await stores.objects()) == {*kept, thumbnail_key_of(run_id), sheet_key_of(run_id)}
    spool.close()
