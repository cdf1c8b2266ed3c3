"""The plain parts of the embedded stack: settings, ports, logs, states. No server is started."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from krabbel.commands.status import duration
from krabbel.commands.up import operator_settings
from krabbel.stack import NotRunning, load_env
from krabbel.stack.credentials import load_or_create
from krabbel.stack.errors import PortTaken
from krabbel.stack.folder import DataFolder, tail
from krabbel.stack.ports import Ports, is_free
from krabbel.stack.programs import from_environment_of_python, mongod
from krabbel.stack.services import http_services, threads_per_worker
from krabbel.stack.state import read_state

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_settings_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KRABBEL_MONGO_URL", "KRABBEL_DATA_DIR", "DATA", "API_KEY", "CAMERA_NAME", "KRABBEL_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_predecessors_env_file_is_understood_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("API_KEY=old-key\nCAMERA_NAME='Hinterhof 2'\nKRABBEL_DEVICE=cpu\nKRABBEL_PORT=1\nOTHER=x\nEMPTY=\n")
    monkeypatch.setenv("KRABBEL_DEVICE", "cuda")
    settings = operator_settings(file)
    assert settings["KRABBEL_API_KEY"] == "old-key"
    assert settings["KRABBEL_CAMERA_NAME"] == "Hinterhof 2"
    assert settings["KRABBEL_DEVICE"] == "cuda"
    assert {"KRABBEL_PORT", "OTHER", "API_KEY"}.isdisjoint(settings)


def test_credentials_are_made_once_and_new_kinds_are_added(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load_or_create(file)
    assert load_or_create(file) == first
    # Given a file of an older version
    known = json.loads(file.read_text())
    del known["cookie_secret"]
    file.write_text(json.dumps(known))
    assert load_or_create(file).api_key == first.api_key
    assert json.loads(file.read_text())["cookie_secret"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_stacks_that_choose_ports_at_the_same_moment_get_different_ones(tmp_path: Path) -> None:
    first, second = Ports(tmp_path / "a.json"), Ports(tmp_path / "b.json")
    (tmp_path / "c.json").write_text(json.dumps({"amqp": first.get("amqp")}))
    careless = Ports(tmp_path / "c.json")
    assert len({first.get("amqp"), second.get("amqp"), careless.get("amqp"), first.get("mongo")}) == 4
    for ports in (first, second, careless):
        ports.release()


def test_ports_are_the_same_again_when_free_and_others_when_not(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    port = ports.get("amqp")
    ports.release()
    again = Ports(tmp_path / "ports.json")
    assert again.get("amqp") == port
    again.release()
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        third = Ports(tmp_path / "ports.json")
        assert third.get("amqp") != port
        third.release()


def test_a_given_port_that_is_taken_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(PortTaken, match="PORT=N"):
        Ports(tmp_path / "ports.json").take("proxy", other.getsockname()[1], "127.0.0.1")


def test_long_logs_are_cut_and_keep_their_end(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.open()
    log = folder.log_of("broker")
    log.write_text("".join(f"line {number}\n" for number in range(1000)))
    folder.rotate_logs(limit=1000)
    assert log.read_text() == ""
    assert tail(log.with_name("broker.log.1"), 1) == "line 999"
    folder.close()


def test_commands_say_what_to_do_when_no_stack_runs(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="krabbel up"):
        load_env(tmp_path)
    with pytest.raises(NotRunning, match="krabbel up"):
        read_state(tmp_path)


def test_production_settings_are_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRABBEL_MONGO_URL", "mongodb://db/")
    assert load_env()["KRABBEL_MONGO_URL"] == "mongodb://db/"


def test_each_worker_is_a_process() -> None:
    assert http_services(("query", "classifier", "proxy"), 2) == ["query", "classifier-1", "classifier-2"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (42.4, "42 s"), (60, "1 min"), (3599, "59 min"), (7500, "2 h 05 min"), (273_600, "3 d 4 h")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_servers_from_wheels_are_found() -> None:
    for program in (mongod(), from_environment_of_python("weed"), from_environment_of_python("caddy")):
        assert Path(program).is_file()


def test_help_is_quick_because_it_imports_no_command() -> None:
    code = (
        "import sys; from krabbel.cli import cli; cli(['--help'], standalone_mode=False); print(*sorted(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    modules = set(output.splitlines()[-1].split())
    assert {"up", "status", "camera", "simulate"} <= set(output.split())
    assert {"aiohttp", "pydantic", "motor", "numpy", "krabbel.commands.up"}.isdisjoint(modules)


@pytest.mark.parametrize(
    ("cores", "workers", "threads"), [(1, 1, 1), (2, 1, 1), (8, 1, 7), (8, 2, 3), (8, 16, 1), (4, 0, 3)]
)
def test_workers_of_one_machine_share_its_cores(monkeypatch, cores: int, workers: int, threads: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert threads_per_worker(workers) == threads
