"""Whatever happens to the supervisor, nothing that it started is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from krabbel.stack import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

SUPERVISE = """
import signal, sys
from krabbel.stack import EmbeddedStack
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with it ignored
with EmbeddedStack(sys.argv[1]):
    print("ready", flush=True)
    signal.pause()
"""


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Return every process of the machine that has to do with the folder: by its environment, arguments or place."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            traces = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(str(data_dir) in trace for trace in traces):
            found.append(process)
    return found


def eventually(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for something to become true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process of its own that runs a stack, ready."""
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.terminate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_no_process_outlives_the_supervisor(
    number: signal.Signals, supervisor: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    # Given a running stack with everything that its servers start themselves
    names = {process.name() for process in processes_of(tmp_path)}
    assert {"epmd", "beam.smp", "erl_child_setup", "mongod", "weed"} <= names
    # When the supervisor ends, cleanly or not
    supervisor.send_signal(number)
    supervisor.wait(60)
    # Then nothing is left, and a new stack starts there
    assert eventually(lambda: not processes_of(tmp_path), 30), processes_of(tmp_path)
    with EmbeddedStack(tmp_path) as stack:
        assert stack.pid("broker")


def test_start_right_after_a_killed_supervisor_waits_for_its_servers_to_end(
    supervisor: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    supervisor.kill()
    supervisor.wait(10)
    with EmbeddedStack(tmp_path) as stack:
        assert stack.pid("database")


def test_servers_die_with_their_guards(supervisor: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """Somebody kills a guard, not the server: the server must not go on unsupervised beside its successor."""
    state = json.loads((tmp_path / "stack.json").read_text())["processes"]["broker"]
    os.kill(state["guard_pid"], signal.SIGKILL)
    assert eventually(lambda: not psutil.pid_exists(state["pid"]), 10)

    def restarted() -> bool:
        now = json.loads((tmp_path / "stack.json").read_text())["processes"]["broker"]
        return bool(now["state"] == "up" and now["pid"] != state["pid"])

    assert eventually(restarted, 60)
    supervisor.terminate()
    supervisor.wait(60)
