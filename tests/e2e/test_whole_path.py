"""From a trap's HTTP request to the classified run, on real servers with the demo model."""

import hashlib
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests

from deploy.acceptance import Acceptance, Door
from krabbel.simulator.drawing import draw_run
from proto.run import run_id_of
from tests.support.deployed_trap import crop_name, send_run

pytestmark = [pytest.mark.stack, pytest.mark.slow]
LABELS = ("bee_bombus", "ant", "lepi", "bug_grapho", "beetle_cocci", "wasp", "hfly_episyr", "scorpionfly")


def crops_of(label: str, seed: int, count: int, track_id: int, start: datetime) -> list[tuple[str, bytes]]:
    frames = draw_run(label, seed, count)
    return [
        (crop_name(start + timedelta(seconds=number), track_id), frame.jpeg_bytes())
        for number, frame in enumerate(frames)
    ]


def hashes(crops: list[tuple[str, bytes]]) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for _, data in crops]


def now_at_the_camera() -> datetime:
    return datetime.now(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)


class Api:
    """The reading side, as a script of an operator uses it."""

    def __init__(self, system) -> None:
        self.url = f"{system.base_url}/api/v1"
        self.headers = {"Authorization": f"Bearer {system.keys.service}"}

    def get(self, path: str, **params) -> dict:
        answer = requests.get(self.url + path, params=params, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all_runs(self) -> list[dict]:
        runs, cursor = [], None
        while True:
            page = self.get("/runs", limit=200, **({"cursor": cursor} if cursor else {}))
            runs += page["items"]
            cursor = page["next"]
            if cursor is None:
                return runs

    def wait_until_done(self, run_ids: set[str], timeout_s: float = 90) -> dict[str, dict]:
        deadline = time.monotonic() + timeout_s
        while True:
            found = {run["run_id"]: run for run in self.all_runs() if run["run_id"] in run_ids}
            open_ = {
                run_id for run_id in run_ids if found.get(run_id, {}).get("status") not in ("classified", "failed")
            }
            if not open_:
                return found
            assert time.monotonic() < deadline, f"{len(open_)} of {len(run_ids)} runs are not done: {sorted(open_)[:3]}"
            time.sleep(0.3)


@pytest.fixture
def api(krabbel_system) -> Api:
    return Api(krabbel_system)


def test_a_deployed_trap_is_answered_as_ever_and_its_insect_is_found(krabbel_system, api):
    end = now_at_the_camera()
    start = end - timedelta(seconds=9, microseconds=530_000)
    crops = crops_of("bee_bombus", 4711, 8, 17, start)
    endpoint = f"{krabbel_system.base_url}/classify"

    answer = send_run(endpoint, krabbel_system.keys.api, 17, start, end, crops)

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    run_id = run_id_of("camera", "17", str(start), str(end), hashes(crops))
    done = api.wait_until_done({run_id})[run_id]
    assert done["tracking_id"] == "17"
    assert done["status"] == "classified"
    assert done["result"]["label"] == "bee_bombus"
    assert done["result"]["demo_model"] is True
    assert len(done["images"]) == 8
    detail = api.get(f"/runs/{run_id}")
    assert len(detail["classifications"]) == 1
    assert len(detail["classifications"][0]["images"]) == 8
    picture = done["images"][0]
    path = picture["object_key"].removeprefix("runs/")
    served = requests.get(f"{api.url}/images/{path}", timeout=30)
    assert served.status_code == 200
    assert "immutable" in served.headers["Cache-Control"]


def test_a_wrong_key_gets_the_old_answer(krabbel_system):
    now = now_at_the_camera()
    crops = crops_of("ant", 1, 1, 1, now)
    for key in ("", "wrong"):
        answer = send_run(f"{krabbel_system.base_url}/classify", key, 1, now, now, crops)
        assert (answer.status_code, answer.json()) == (403, {"detail": "Could not validate API KEY"})


def test_the_same_upload_twice_is_one_run(krabbel_system, api):
    end = now_at_the_camera()
    crops = crops_of("ant", 99, 3, 5, end)
    for _ in range(3):
        endpoint = f"{krabbel_system.base_url}/classify"
        assert send_run(endpoint, krabbel_system.keys.api, 5, end, end, crops).ok
    run_id = run_id_of("camera", "5", str(end), str(end), hashes(crops))
    api.wait_until_done({run_id})
    assert [run["run_id"] for run in api.all_runs() if run["tracking_id"] == "5"] == [run_id]


def test_the_acceptance_test_for_operators_finds_all_well(krabbel_system):
    door = Door(krabbel_system.base_url, krabbel_system.keys.api)
    for name, work in Acceptance(door, runs=2, timeout_s=90).steps():
        assert work(), name


def add_camera(system, name: str) -> str:
    """Add a camera as an operator does; return its key."""
    command = [sys.executable, "-m", "krabbel", "camera", "add", name, "--data-dir", str(system.data_dir)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    return shown.strip().splitlines()[-1]


def upload_from_sixteen_traps(system, runs_each: int, frames: int) -> set[str]:
    """Upload at the same time from sixteen deployed traps; return the ids of the accepted runs."""
    camera = "test-" + uuid.uuid4().hex[:8]
    key = add_camera(system, camera)
    accepted: set[str] = set()
    lock = threading.Lock()

    def trap(number: int) -> None:
        for count in range(runs_each):
            end = now_at_the_camera()
            start = end - timedelta(seconds=frames)
            track = number * 1000 + count
            crops = crops_of(LABELS[number % len(LABELS)], track, frames, track, start)
            answer = send_run(f"{system.base_url}/classify", key, track, start, end, crops)
            assert answer.status_code == 200, answer.text
            run_id = run_id_of(camera, str(track), str(start), str(end), hashes(crops))
            with lock:
                accepted.add(run_id)

    with ThreadPoolExecutor(16) as threads:
        for outcome in [threads.submit(trap, number) for number in range(16)]:
            outcome.result()
    return accepted


def each_exactly_once(api: Api, accepted: set[str]) -> None:
    done = api.wait_until_done(accepted, 150)
    assert {run["status"] for run in done.values()} == {"classified"}
    (camera,) = {run["camera_id"] for run in done.values()}
    stored = [run["run_id"] for run in api.all_runs() if run["camera_id"] == camera]
    assert sorted(stored) == sorted(accepted)
    today = {run["local_date"] for run in done.values()}
    counted = sum(api.get("/stats/classes", day=day, camera=camera)["runs"] for day in today)
    assert counted == len(accepted), "each run is counted once in the statistics"
    for run_id in sorted(accepted)[:10]:
        assert len(api.get(f"/runs/{run_id}")["classifications"]) == 1


def test_sixteen_traps_at_once_lose_nothing_and_double_nothing(krabbel_system, api):
    each_exactly_once(api, upload_from_sixteen_traps(krabbel_system, runs_each=4, frames=10))


def test_a_worker_killed_in_the_middle_costs_only_time(krabbel_system, api):
    killed = threading.Event()

    def kill_while_it_works() -> None:
        time.sleep(1.0)
        krabbel_system.embedded.kill("classifier-1")
        killed.set()

    killer = threading.Thread(target=kill_while_it_works)
    killer.start()
    accepted = upload_from_sixteen_traps(krabbel_system, runs_each=4, frames=10)
    killer.join()
    assert killed.is_set()
    each_exactly_once(api, accepted)


def test_a_trap_that_uploads_while_ingest_starts_anew_waits_and_is_not_refused(krabbel_system, api):
    end = now_at_the_camera()
    crops = crops_of("wasp", 4242, 3, 88, end)
    krabbel_system.embedded.kill("ingest")

    answer = send_run(f"{krabbel_system.base_url}/classify", krabbel_system.keys.api, 88, end, end, crops)

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    run_id = run_id_of("camera", "88", str(end), str(end), hashes(crops))
    assert api.wait_until_done({run_id})[run_id]["result"]["label"] == "wasp"
    krabbel_system.embedded.wait_until_up("ingest")
