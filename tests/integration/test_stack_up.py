"""``krabbel up`` and ``krabbel status`` as an operator runs them: one process, everything behind one address."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.test_stack_orphans import eventually, processes_of
from tests.stack_fixture import CONTAINERS

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(CONTAINERS, reason="the servers are elsewhere"),
]
PARTS = {"epmd", "broker", "database", "objects", "ingest", "query", "dashboard", "classifier-1", "proxy"}


def krabbel(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "krabbel", *arguments]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


def check_that_ctrl_c_ends_everything_cleanly(process: "subprocess.Popen[str]", folder: Path) -> None:
    """The last thing that happens to the process, in whatever order the tests run."""
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert "The data stays" in said
    assert "Traceback" not in said
    assert eventually(lambda: not processes_of(folder / "data"), 5)
    # Then a command says that nothing runs, and what to do
    command = krabbel("status", "--data-dir", str(folder / "data"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "krabbel up" in done.stderr) == (1, True)


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``krabbel up``, ready, in a folder with the predecessor's ``.env``; the process and the address that it told."""
    (folder / ".env").write_text("API_KEY=the-old-key\nCAMERA_NAME=Hinterhof\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KRABBEL_")}
    command = krabbel("up", "--data-dir", str(folder / "data"), "--port", "0")
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        # To its last line: what an iteration has read ahead is lost to `communicate`.
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "`krabbel camera add` makes one" in line:
                break
        told = "".join(said)
        ready = re.search(r"^krabbel is ready: (http://127\.0\.0\.1:\d+)$", told, re.MULTILINE)
        assert ready, told
        assert len(re.findall(r"as admin with [0-9a-f-]{34} \(shown only now", told)) == 1
        yield process, ready[1]
        check_that_ctrl_c_ends_everything_cleanly(process, folder)


def status_of(folder: Path) -> tuple[int, dict[str, dict[str, object]]]:
    command = krabbel("status", "--json", "--data-dir", str(folder / "data"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def test_one_address_serves_dashboard_docs_and_the_old_key(up: tuple["subprocess.Popen[str]", str]) -> None:
    _, url = up
    assert "html" in requests.get(f"{url}/", timeout=30).headers["Content-Type"]
    assert requests.get(f"{url}/docs", timeout=30).ok
    runs = requests.get(f"{url}/api/v1/runs", headers={"Authorization": "Bearer the-old-key"}, timeout=30)
    assert runs.status_code == 200, runs.text
    assert runs.json()["items"] == []


def test_status_shows_every_part_the_queues_and_the_runs(up: tuple["subprocess.Popen[str]", str], folder: Path) -> None:
    code, told = status_of(folder)
    processes = told["stack"]["processes"]
    assert isinstance(processes, dict)
    assert code == 0, told
    assert set(processes) == PARTS
    assert {process["state"] for process in processes.values()} == {"up"}
    assert told["queues"]["krabbel.classify"] == 0
    assert set(told["runs"]) == {"received", "queued", "classified", "failed"}


def test_a_killed_service_comes_back_and_status_says_so(up: tuple["subprocess.Popen[str]", str], folder: Path) -> None:
    _, url = up
    before = status_of(folder)[1]["stack"]["processes"]["ingest"]  # type: ignore[index]
    # When ingest is killed
    os.kill(before["pid"], signal.SIGKILL)
    # Then who comes meanwhile waits a moment or is told when to come again, and soon it is there again

    def answered() -> bool:
        answer = requests.post(f"{url}/classify/1", timeout=30)
        assert answer.status_code in (403, 502, 503), answer.text
        return answer.status_code == 403

    assert eventually(answered, 60)
    assert eventually(lambda: status_of(folder)[0] == 0, 60)
    after = status_of(folder)[1]["stack"]["processes"]["ingest"]  # type: ignore[index]
    assert after["pid"] != before["pid"]
    assert after["restarts"] == 1


def test_second_up_in_the_same_folder_is_refused_with_a_clear_line(
    up: tuple["subprocess.Popen[str]", str], folder: Path
) -> None:
    done = subprocess.run(
        krabbel("up", "--data-dir", str(folder / "data"), "--port", "0"), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
