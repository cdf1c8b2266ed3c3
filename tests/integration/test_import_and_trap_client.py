"""The trap client against the real ingest: runs arrive once, and an import of the trap's SD card adds nothing."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from krabbel_trap import Crop, TrapClient
from krabbel_trap.transport import Verdict
from krabbel_trap.watcher import Watcher

from krabbel.importer.run_import import Wish, find, run_import
from krabbel.importer.taking import Outcome
from services.ingest.settings import IngestSettings
from tests.stack_fixture import RunningStack
from tests.support.ingest_process import IngestProcess, Stores, open_stores
from tests.support.insect_detect_folder import write_session
from tests.support.stand_in_ingest import jpeg

pytestmark = [pytest.mark.stack]
START = datetime.fromisoformat("2026-07-01T10:00:00")


@pytest.fixture
def ingest(backends: RunningStack, tmp_path: Path) -> Iterator[IngestProcess]:
    process = IngestProcess(backends.env, tmp_path)
    yield process
    process.kill()


@pytest.fixture
async def stores(ingest: IngestProcess) -> AsyncIterator[Stores]:
    async with open_stores(ingest.backends) as opened:
        yield opened


def client_of(ingest: IngestProcess, folder: Path, **options: object) -> TrapClient:
    given = {"base_s": 0.05, "cap_s": 0.5, "min_free_bytes": 0, **options}
    return TrapClient(ingest.url, ingest.key, folder / "trap-spool", **given)  # type: ignore[arg-type]


async def test_runs_arrive_once_though_ingest_is_killed(ingest: IngestProcess, stores: Stores, tmp_path: Path) -> None:
    ingest.start()
    with client_of(ingest, tmp_path) as client:
        for track in range(12):
            crops = [Crop(f"{track}-{n}.jpg", jpeg(track * 10 + n), box=(0, 0, 0.5, 1.01)) for n in range(4)]
            end = START + timedelta(seconds=track)
            client.send_run(track, START, end, crops, trap={"device_id": "pi", "exposure_time": "8.33"})
            if track in (4, 8):
                await asyncio.sleep(0.2)
                ingest.kill()
                ingest.start()
        assert await asyncio.to_thread(client.flush, 60)
        assert client.camera_id == ingest.camera_id, "learnt from the answers"
        assert client.spool.refusals() == {}
        # What the server has is told without bytes; what it does not have, too
        entry = client.spool.put(a_run_again(0), fresh=False)
        assert client.transport.ask(entry, client.camera_id).verdict is Verdict.SENT
        client.spool.remove(entry)
        beat = client.transport.heartbeat(ingest.camera_id, {"battery_percent": 64.0, "temperature_c": 48.3})
        assert beat.verdict is Verdict.SENT
    await ingest.until_forwarded()
    runs = await stores.runs()
    assert sorted(int(run.tracking_id) for run in runs) == list(range(12))
    for run in runs:
        expected = [hashlib.sha256(jpeg(int(run.tracking_id) * 10 + n)).hexdigest() for n in range(4)]
        assert [image.sha256 for image in run.images] == expected
        assert run.images[0].bounding_box is not None
        assert run.trap is not None
        assert (run.trap.device_id, run.trap.exposure_time) == ("pi", 8)
    assert await stores.objects() == {image.object_key: image.sha256 for run in runs for image in run.images}
    (camera,) = await stores.cameras()
    assert camera.heartbeat is not None
    assert camera.heartbeat.battery_percent == 64.0


def a_run_again(track: int):  # type: ignore[no-untyped-def]
    from krabbel_trap import TrackingRun

    crops = tuple(Crop(f"{track}-{n}.jpg", jpeg(track * 10 + n)) for n in range(4))
    return TrackingRun(str(track), START.isoformat(), (START + timedelta(seconds=track)).isoformat(), crops, 0.0)


async def test_one_broken_picture_is_refused_by_name_and_the_others_arrive(
    ingest: IngestProcess, stores: Stores, tmp_path: Path
) -> None:
    # Given a picture that is broken in the middle, so that the trap cannot see it
    broken = bytearray(jpeg(2))
    broken[2:330] = b"\x00" * 328
    broken[2] = 0xFF
    ingest.start()
    with client_of(ingest, tmp_path, camera_id=ingest.camera_id) as client:
        client.send_run(1, START, START, [("a.jpg", jpeg(1)), ("b.jpg", bytes(broken)), ("c.jpg", jpeg(3))])
        assert await asyncio.to_thread(client.flush, 60)
        assert ["415: 'b.jpg' is" in reason for reason in client.spool.refusals().values()] == [True]
    await ingest.until_forwarded()
    (run,) = await stores.runs()
    assert [image.file_name for image in run.images] == ["a.jpg", "c.jpg"]


async def test_importing_the_card_of_a_trap_that_has_uploaded_adds_nothing(
    ingest: IngestProcess, stores: Stores, tmp_path: Path
) -> None:
    for layout, day in (("2022", 0), ("2024", 1), ("2025", 2)):
        write_session(tmp_path / "card", layout, {1: 3, 2: 2}, START + timedelta(days=day))
    ingest.start()
    with client_of(ingest, tmp_path) as client:
        assert Watcher(tmp_path / "card", client, quiet_s=0).scan() == 6
        assert await asyncio.to_thread(client.flush, 60)
    await ingest.until_forwarded()
    before = await stores.runs()
    assert len(before) == 6
    report = await run_import(
        Wish(tmp_path / "card", camera=ingest.camera_id), find(tmp_path / "card"), IngestSettings.from_env(ingest.env)
    )
    assert (report.outcomes[Outcome.IMPORTED], report.outcomes[Outcome.ALREADY_THERE]) == (0, 6)
    assert [run.run_id for run in await stores.runs()] == [run.run_id for run in before]
    assert json.loads((tmp_path / "trap-spool" / "memory.json").read_text())["sent_total"] == 6
