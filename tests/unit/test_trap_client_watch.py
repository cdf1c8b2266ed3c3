"""Watching a data folder of insect-detect, in all its layouts. Python 3.9 syntax."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import krabbel_trap
import pytest
from krabbel_trap import TrapClient
from krabbel_trap.cli import main
from krabbel_trap.health import health
from krabbel_trap.insect_detect import read_session, read_time, run_of
from krabbel_trap.watcher import Watcher

from tests.support.insect_detect_folder import LAYOUTS, START, crop_path, write_session
from tests.support.stand_in_ingest import CAMERA, KEY, jpeg, stand_in


@pytest.fixture
def server():
    with stand_in() as running:
        yield running


@pytest.fixture
def client(server, tmp_path):
    with TrapClient(server.url, KEY, tmp_path / "spool", min_free_bytes=0, base_s=0.02, cap_s=0.1) as running:
        yield running


def make_old(folder: Path, seconds: float) -> None:
    for path in folder.rglob("*.jpg"):
        stamp = time.time() - seconds
        os.utime(path, (stamp, stamp))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_insect_detect_is_read(server, client, tmp_path, layout):
    write_session(tmp_path / "data", layout, {1: 3, 2: 2})
    make_old(tmp_path / "data", 100)
    watcher = Watcher(tmp_path / "data", client)
    assert watcher.scan() == 2
    assert watcher.scan() == 0, "what was handed over is remembered"
    watcher.close()
    assert Watcher(tmp_path / "data", client).scan() == 0, "also by the next process"
    assert client.flush(10)
    runs = {run["form"]["tracking_id"]: run for run in server.runs.values()}
    assert [data for _, data in runs["1"]["images"]] == [jpeg(100), jpeg(101), jpeg(102)]
    form = runs["1"]["form"]
    assert form["started_at"] == START.isoformat()
    assert form["ended_at"] == (START + timedelta(seconds=2.25)).isoformat()
    assert form["images"][0]["detection_confidence"] == 0.71
    assert form["images"][0]["bounding_box"]["x_max"] == 1.0, "1.0002 is on the edge"
    assert form["images"][1]["taken_at"] == (START + timedelta(seconds=1.125)).isoformat()
    assert form.get("trap", {}).get("session_id") == "8"
    if layout == "2025":
        assert form["trap"] == {
            "device_id": "krabbelpi", "session_id": "8", "track_status": "TRACKED", "lens_position": 121,
            "iso_sensitivity": 400, "exposure_time": 8,
        }  # fmt: skip


def test_crops_are_sent_though_their_table_is_lost(server, client, tmp_path):
    session = write_session(tmp_path / "data", "2024", {7: 3})
    table = next(session.glob("*.csv"))
    table.write_bytes(table.read_bytes()[:90] + b"\0" * 300)
    make_old(tmp_path, 100)
    assert Watcher(tmp_path / "data", client).scan() == 1
    assert client.flush(10)
    run = next(iter(server.runs.values()))
    assert (run["form"]["tracking_id"], len(run["images"])) == ("7", 3)
    assert run["form"]["started_at"] == START.isoformat()


def test_a_track_is_sent_when_no_crop_comes_any_more(client, tmp_path):
    clock = [1000.0]
    session = write_session(tmp_path / "data", "2024", {1: 2})
    # Given a trap whose clock runs a year ahead of its files' dates: only watching tells
    watcher = Watcher(tmp_path / "data", client, 60, monotonic=lambda: clock[0], now=lambda: 0.0)
    assert watcher.scan() == 0
    clock[0] += 50
    crop_path(session, "2024", START + timedelta(seconds=50), 1).write_bytes(jpeg(9))
    assert watcher.scan() == 0, "a new crop: the insect is still there"
    assert watcher.pending() == 1
    clock[0] += 59
    assert watcher.scan() == 0
    clock[0] += 2
    assert watcher.scan() == 1
    assert len(client.spool.entries()) <= 1


def test_crops_that_come_late_are_sent_too(server, client, tmp_path):
    session = write_session(tmp_path / "data", "2024", {1: 2})
    watcher = Watcher(tmp_path / "data", client, quiet_s=0)
    assert watcher.scan() == 1
    crop_path(session, "2024", START + timedelta(seconds=99), 1).write_bytes(jpeg(9))
    assert watcher.scan() == 1
    assert client.flush(10)
    assert sorted(len(run["images"]) for run in server.runs.values()) == [1, 2]


def test_a_full_spool_makes_watch_wait_and_not_forget(server, tmp_path):
    write_session(tmp_path / "data", "2025", dict.fromkeys(range(1, 9), 3))
    spool = tmp_path / "spool"
    with TrapClient("http://127.0.0.1:9", KEY, spool, min_free_bytes=0, limit_bytes=10_000) as client:
        watcher = Watcher(tmp_path / "data", client, quiet_s=0)
        assert 0 < watcher.scan() < 8
        watcher.close()
    with TrapClient(server.url, KEY, spool, min_free_bytes=0, limit_bytes=10_000, base_s=0.02, cap_s=0.1) as client:
        watcher = Watcher(tmp_path / "data", client, quiet_s=0)
        deadline = time.monotonic() + 20
        while len(server.runs) < 8 and time.monotonic() < deadline:
            watcher.scan()
            client.flush(5)
    assert len(server.runs) == 8


def test_the_command_sends_a_folder_and_tells_how_it_stands(server, tmp_path, capsys, monkeypatch):
    write_session(tmp_path / "data", "2024", {1: 2, 2: 1})
    monkeypatch.setenv("KRABBEL_KEY", KEY)
    where = ["--spool", str(tmp_path / "spool")]
    assert main(["send", str(tmp_path / "data"), "--url", server.url, *where]) == 0
    assert main(["status", *where]) == 0
    shown = capsys.readouterr().out
    assert "2 runs handed over; 0 still wait" in shown
    assert "sent      2 runs" in shown


def test_the_command_sends_a_plain_folder_of_pictures_as_one_run(server, tmp_path, monkeypatch):
    folder = tmp_path / "beetle"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    monkeypatch.setenv("KRABBEL_KEY", KEY)
    assert main(["send", str(folder), "--url", server.url, "--spool", str(tmp_path / "spool")]) == 0
    run = next(iter(server.runs.values()))
    assert (run["form"]["tracking_id"], len(run["images"])) == ("beetle", 3)


def test_the_service_sends_what_comes_tells_its_health_and_ends_cleanly(server, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "key").write_text(KEY + "\n")
    home = str(Path(krabbel_trap.__file__).parents[1])
    env = dict(os.environ, PYTHONPATH=home, CREDENTIALS_DIRECTORY=str(tmp_path / "credentials"))
    env["STATE_DIRECTORY"] = str(tmp_path / "state")
    command = [sys.executable, "-m", "krabbel_trap.cli", "watch", str(tmp_path / "data"), "--url", server.url]
    command += ["--quiet-seconds", "0.2", "--poll-seconds", "0.1", "--heartbeat-seconds", "0.3"]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    try:
        write_session(tmp_path / "data", "2025", {1: 2})
        deadline = time.monotonic() + 30
        while not (server.runs and server.beats) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert len(server.stored) == 1
    assert "krabbel-trap" in server.beats[0]["firmware"]
    assert KEY not in said


@pytest.mark.parametrize(("arguments", "complaint"), [([], "--url"), (["--url", "http://x"], "--key-file")])
def test_the_command_says_what_is_missing(tmp_path, capsys, monkeypatch, arguments, complaint):
    for name in ("KRABBEL_KEY", "KRABBEL_URL"):
        monkeypatch.delenv(name, raising=False)
    assert main(["send", str(tmp_path), "--spool", str(tmp_path / "spool"), *arguments]) == 1
    assert complaint in capsys.readouterr().err


def test_health_tells_what_can_be_read(server, client, tmp_path):
    system, data = tmp_path / "system", tmp_path / "data"
    (system / "sys/class/thermal/thermal_zone0").mkdir(parents=True)
    (system / "sys/class/thermal/thermal_zone0/temp").write_text("48312\n")
    (system / "proc/device-tree").mkdir(parents=True)
    (system / "proc/device-tree/model").write_bytes(b"Raspberry Pi Zero 2 W Rev 1.0\0")
    (data / "2026-07-01").mkdir(parents=True)
    with (data / "2026-07-01" / "2026-07-01_info_log.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["cam_ID", "charge_level"], ["pi", 80], ["pi", 64]])
    said = health(data, "0.1.0", system)
    assert said.pop("disk_free_bytes") > 0
    assert said == {
        "battery_percent": 64.0, "temperature_c": 48.3,
        "firmware": "krabbel-trap 0.1.0; Raspberry Pi Zero 2 W Rev 1.0",
    }  # fmt: skip
    assert set(health(tmp_path / "nothing", "0.1.0", tmp_path / "nothing")) == {"firmware"}
    assert client.transport.heartbeat(CAMERA, said).status == 200
    assert server.beats == [said]


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01T10:00:00.500000",
        "2026-07-01 10:00:00.500000",
        "20260701_10-00-00.500000",
        "2026-07-01_10-00-00-500000",
    ],
)
def test_times_of_all_generations_are_read(text):
    assert read_time(text) == datetime.fromisoformat("2026-07-01T10:00:00.500000")


def test_tracks_of_a_session_are_runs_of_their_own(tmp_path):
    tracks = read_session(write_session(tmp_path, "2022", {1: 1, 12: 2}))
    assert {track: len(crops) for track, crops in tracks.items()} == {"1": 1, "12": 2}
    assert run_of("12", tracks["12"]).duration_s == 1.125
