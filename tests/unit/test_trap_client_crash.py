"""The trap is killed by SIGKILL between any two steps, as by a power cut, and started again. Python 3.9 syntax."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import krabbel_trap
import pytest
from krabbel_trap import failpoints
from krabbel_trap.spool import Spool

from tests.support.stand_in_ingest import KEY, jpeg, stand_in

HANDS_OVER = """
import sys
from krabbel_trap import Crop, TrapClient
url, key, spool, pictures = sys.argv[1:]
from pathlib import Path
client = TrapClient(url, key, spool, min_free_bytes=0, base_s=0.02, cap_s=0.1)
for track in (1, 2):
    files = sorted(Path(pictures).glob(f"{track}-*.jpg"))
    client.send_run(track, "2026-07-01T10:00:00", "2026-07-01T10:00:05", files)
    print(f"promised {track}", flush=True)
client.flush(20)
client.close()
"""
ONLY_SENDS = """
import sys
from krabbel_trap import TrapClient
client = TrapClient(*sys.argv[1:4], min_free_bytes=0, base_s=0.02, cap_s=0.1)
sys.exit(0 if client.flush(20) else 1)
"""


def run(code: list[str], point: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program with the client on its path, to be killed at ``point``."""
    home = str(Path(krabbel_trap.__file__).parents[1])
    env = dict(os.environ, PYTHONPATH=home, KRABBEL_TRAP_FAILPOINT=point)
    return subprocess.run([sys.executable, *code], env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for track in (1, 2):
        for number in range(3):
            (folder / f"{track}-{number}.jpg").write_bytes(jpeg(track * 10 + number))
    return folder


@pytest.mark.parametrize("point", [point for point in failpoints.POINTS if "journal" not in point] + ["(never)"])
def test_what_was_promised_arrives_exactly_once(tmp_path, pictures, point):
    with stand_in() as server:
        spool = tmp_path / "spool"
        # Given a trap that is killed at this point
        first = run(["-c", HANDS_OVER, server.url, KEY, str(spool), str(pictures)], point)
        promised = {line.split()[1] for line in first.stdout.splitlines() if line.startswith("promised ")}
        assert first.returncode == (0 if point == "(never)" else -signal.SIGKILL), first.stderr
        uploads = server.uploads
        # When it starts again, with nothing new
        second = run(["-c", ONLY_SENDS, server.url, KEY, str(spool)])
        assert second.returncode == 0, second.stderr
    # Then all that was promised is there, nothing twice, and every byte as it was
    arrived = [found["form"]["tracking_id"] for found in server.runs.values()]
    assert promised <= set(arrived)
    assert len(server.stored) == len(set(server.stored)) == len(arrived)
    for found in server.runs.values():
        track = int(found["form"]["tracking_id"])
        assert [data for _, data in found["images"]] == [jpeg(track * 10 + number) for number in range(3)]
    assert not Spool(spool).entries()
    if point in ("after-upload", "after-remove"):
        assert server.uploads - uploads == len(arrived) - 1, "a run that the server has is asked for, not sent again"


@pytest.mark.parametrize("point", ["before-fsync", "before-rename", "after-rename", "before-journal", "after-journal"])
def test_a_killed_watch_sends_every_track_once(tmp_path, point):
    session = tmp_path / "data" / "2026-07-01" / "2026-07-01_10-00-00"
    crops = session / "crop" / "insect"
    crops.mkdir(parents=True)
    for track in (1, 2, 3):
        for number in range(3):
            (crops / f"2026-07-01_10-00-0{number}-000000_ID{track}_crop.jpg").write_bytes(jpeg(track * 10 + number))
    key_file = tmp_path / "key"
    key_file.write_text(KEY + "\n")
    with stand_in() as server:
        send = ["-m", "krabbel_trap.cli", "send", str(tmp_path / "data"), "--url", server.url]
        send += ["--key-file", str(key_file), "--spool", str(tmp_path / "spool"), "--timeout", "30"]
        assert run(send, point).returncode == -signal.SIGKILL
        after = run(send)
        assert after.returncode == 0, after.stderr
        again = run(send)
        assert "0 runs handed over" in again.stdout
    assert sorted(found["form"]["tracking_id"] for found in server.runs.values()) == ["1", "2", "3"]
    assert len(server.stored) == 3
