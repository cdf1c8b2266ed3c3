"""The trap client against a server that misbehaves. Python 3.9 syntax: this file also runs on the trap's Python."""

from __future__ import annotations

import time
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from krabbel_trap import Crop, NothingToSend, SpoolFull, TrapClient, send_run
from krabbel_trap.backoff import full_jitter, retry_after_s
from krabbel_trap.memory import Memory

from tests.support.stand_in_ingest import CAMERA, KEY, jpeg, stand_in

# Naive, as traps have them
START, END = datetime.fromisoformat("2026-07-01T10:00:00"), datetime.fromisoformat("2026-07-01T10:00:09.500000")
ROOM_FOR_TWO = 8_500
"""A run of three pictures takes about 3.4 kB."""


@pytest.fixture
def server():
    with stand_in() as running:
        yield running


def client_of(server, folder: Path, **options) -> TrapClient:
    given = {"base_s": 0.02, "cap_s": 0.2, "min_free_bytes": 0, **options}
    return TrapClient(server.url, KEY, folder / "spool", **given)


def a_run(client: TrapClient, track: int = 1, pictures: int = 3) -> str:
    crops = [
        Crop(f"{n}.jpg", jpeg(track * 100 + n), confidence=0.7, box=(0.1, 0.2, 0.3, 1.0002)) for n in range(pictures)
    ]
    return client.send_run(track, START, END, crops, trap={"device_id": "pi", "lens_position": "120.0", "x": 1})


def test_a_run_arrives_as_it_was_seen(server, tmp_path):
    with client_of(server, tmp_path) as client:
        a_run(client)
        assert client.flush(10)
    run = next(iter(server.runs.values()))
    assert run["images"] == [(f"{n}.jpg", jpeg(100 + n)) for n in range(3)]
    form = run["form"]
    assert (form["tracking_id"], form["started_at"], form["ended_at"]) == ("1", START.isoformat(), END.isoformat())
    assert form["duration_s"] == 9.5
    assert form["trap"] == {"device_id": "pi", "lens_position": 120}
    assert form["images"][0]["bounding_box"] == {"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 1.0}
    assert server.asked == 0, "a fresh run costs one request"


def test_sending_is_not_what_the_camera_waits_for(tmp_path):
    # Given no server at all
    with TrapClient("http://127.0.0.1:9", KEY, tmp_path, min_free_bytes=0) as client:
        started = time.monotonic()
        a_run(client)
        assert time.monotonic() - started < 2
        assert not client.flush(0.1)
        assert len(client.spool.entries()) == 1


def test_runs_wait_for_a_server_that_comes_back(tmp_path):
    with stand_in() as gone:
        port = gone.port
    with TrapClient(f"http://127.0.0.1:{port}", KEY, tmp_path, min_free_bytes=0, base_s=0.02, cap_s=0.2) as client:
        for track in range(3):
            a_run(client, track)
        time.sleep(0.3)
        with stand_in(port) as back:
            assert client.flush(10)
            assert [run["form"]["tracking_id"] for run in back.runs.values()] == ["0", "1", "2"], "oldest first"


def test_a_server_that_asks_to_wait_is_not_asked_before(server, tmp_path):
    server.plan = ["503:1"]
    with client_of(server, tmp_path) as client:
        a_run(client)
        assert client.flush(10)
    assert server.times[1] - server.times[0] >= 1.0


@pytest.mark.parametrize("accident", ["cut", "500", "503"])
def test_a_failed_upload_is_repeated_until_it_arrives_once(server, tmp_path, accident):
    server.plan = [accident, accident]
    with client_of(server, tmp_path) as client:
        a_run(client)
        assert client.flush(10)
    assert len(server.stored) == 1
    assert server.asked >= 1


def test_a_run_whose_answer_was_lost_is_not_sent_again(server, tmp_path):
    server.plan = ["cut-after"]
    with client_of(server, tmp_path) as client:
        a_run(client)
        assert client.flush(10)
    assert (server.uploads, len(server.stored)) == (1, 1)


def test_bytes_changed_on_the_way_are_sent_again(server, tmp_path):
    server.plan = ["422:The header Krabbel-Run-Id says 'x': something was changed on the way. Send it again."]
    with client_of(server, tmp_path, camera_id=CAMERA) as client:
        a_run(client)
        assert client.flush(10)
    assert len(server.stored) == 1


def test_a_refused_run_does_not_block_the_others(server, tmp_path):
    server.plan = ["413:The upload has too many bytes."]
    with client_of(server, tmp_path) as client:
        a_run(client, 1)
        a_run(client, 2)
        assert client.flush(10)
        assert len(server.stored) == 1
        reasons = list(client.spool.refusals().values())
        assert reasons == ["413: The upload has too many bytes."]
        # And a person can look at it, and try again
        with zipfile.ZipFile(next(client.spool.refused.glob("*.zip"))) as archive:
            assert len([name for name in archive.namelist() if name.endswith(".jpg")]) == 3
        assert client.spool.retry_refused() == 1
        assert client.flush(10)
    assert len(server.stored) == 2


def test_one_broken_picture_does_not_take_the_others_with_it(server, tmp_path):
    server.plan = ["415:'1.jpg' is a broken image (OSError)."]
    with client_of(server, tmp_path) as client:
        a_run(client)
        assert client.flush(10)
        assert len(client.spool.refusals()) == 1
    assert [[name for name, _ in run["images"]] for run in server.runs.values()] == [["0.jpg", "2.jpg"]]


def test_a_wrong_key_loses_nothing(server, tmp_path):
    server.key = "another"
    with client_of(server, tmp_path) as client:
        a_run(client)
        assert not client.flush(0.3)
        assert client.spool.refusals() == {}
        assert Memory.read(client.spool.folder)["trouble"]["kind"] == "misconfigured"
        server.key = KEY
        assert client.flush(10)


def test_a_login_page_is_not_taken_for_success(server, tmp_path):
    server.plan = ["portal"]
    with client_of(server, tmp_path) as client:
        a_run(client)
        assert client.flush(10)
    assert server.uploads == 2
    assert len(server.stored) == 1


def test_a_run_that_keeps_failing_does_not_hold_up_the_others(server, tmp_path):
    server.plan = ["500", "ok", "ok"]
    with client_of(server, tmp_path, base_s=0.3, cap_s=0.05) as client:
        for track in range(3):
            a_run(client, track)
        deadline = time.monotonic() + 20
        while client.spool.entries() and time.monotonic() < deadline:
            time.sleep(0.05)  # not flush(), which tries everything at once
    order = [run["form"]["tracking_id"] for run in server.runs.values()]
    assert order[0] == "1"
    assert sorted(order) == ["0", "1", "2"]


def test_a_full_spool_refuses_the_new_run(server, tmp_path):
    with client_of(server, tmp_path, start=False, limit_bytes=ROOM_FOR_TWO) as client:
        a_run(client, 1)
        a_run(client, 2)
        with pytest.raises(SpoolFull, match="wait in the spool"):
            a_run(client, 3)
        kept = [entry.manifest()["run"]["tracking_id"] for entry in client.spool.entries()]
    assert kept == ["1", "2"]


def test_a_full_spool_gives_up_the_oldest_where_that_is_wanted(server, tmp_path):
    with client_of(server, tmp_path, start=False, limit_bytes=ROOM_FOR_TWO, when_full="drop-oldest") as client:
        for track in range(1, 11):
            a_run(client, track)
        kept = [entry.manifest()["run"]["tracking_id"] for entry in client.spool.entries()]
        assert kept == ["9", "10"]
        assert Memory.read(client.spool.folder)["dropped_total"] == 10 - len(kept)


def test_a_nearly_full_disk_refuses(server, tmp_path):
    with client_of(server, tmp_path, start=False, min_free_bytes=2**62) as client, pytest.raises(SpoolFull):
        a_run(client)


def test_pictures_cut_short_are_left_out(server, tmp_path):
    whole, cut = jpeg(1), jpeg(2)[:-20]
    with client_of(server, tmp_path) as client:
        client.send_run(1, START, END, [("whole.jpg", whole), ("cut.jpg", cut), tmp_path / "gone.jpg"])
        assert client.flush(10)
        with pytest.raises(NothingToSend, match="cut short"):
            client.send_run(2, START, END, [("cut.jpg", cut)])
    assert next(iter(server.runs.values()))["images"] == [("whole.jpg", whole)]


def test_the_same_run_twice_waits_once(server, tmp_path):
    with client_of(server, tmp_path, start=False) as client:
        assert a_run(client) == a_run(client)
        assert len(client.spool.entries()) == 1


def test_very_long_runs_are_thinned_evenly(server, tmp_path):
    from krabbel_trap.run import TrackingRun

    run = TrackingRun("1", "", "", tuple(Crop(str(n), b"") for n in range(2500)))
    names = [int(crop.file_name) for crop in run.thinned(1000).crops]
    assert len(names) == 1000
    assert (names[0], names[-1]) == (0, 2499)


def test_one_of_two_processes_sends_and_the_other_takes_over(server, tmp_path):
    first = client_of(server, tmp_path)
    with client_of(server, tmp_path) as second:
        assert second.sender is None
        a_run(second)
        assert second.flush(10), "the first one sends it"
        first.close()
        a_run(second, 2)
        assert second.flush(10)
        assert second.sender is not None


def test_the_predecessors_server_gets_what_it_knows(server, tmp_path):
    with client_of(server, tmp_path, legacy=True) as client:
        a_run(client, 17)
        assert client.flush(10)
    form = next(iter(server.runs.values()))["form"]
    assert form["tracking_id"] == "17"
    assert (form["start_date"], form["end_date"], form["duration_s"]) == (str(START), str(END), "9")


def test_one_call_sends_one_run(server, tmp_path):
    assert send_run(server.url, KEY, tmp_path, 5, START, END, [("a.jpg", jpeg(1))], timeout_s=10, min_free_bytes=0)
    assert len(server.stored) == 1


def test_waits_are_random_over_the_whole_span_and_bounded():
    waits = [full_jitter(5, 1.0, 300.0) for _ in range(400)]
    assert 0 <= min(waits) < 4
    assert 12 < max(waits) <= 16
    assert max(full_jitter(99, 1.0, 300.0) for _ in range(50)) <= 300


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (None, 0, 0),
        ("7", 7, 7),
        ("-3", 0, 0),
        ("soon", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("1e9", 3600, 3600),
    ],
)
def test_retry_after_is_read(header, least, most):
    assert least <= retry_after_s(header) <= most
