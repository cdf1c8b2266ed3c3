"""``krabbel up``: start everything in one folder, and keep it running until Ctrl-C."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values
from rich.console import Console

from krabbel.commands.user import ensure_first_admin
from krabbel.stack.component import Component, State
from krabbel.stack.credentials import load_or_create
from krabbel.stack.embedded import EVERYTHING, EmbeddedStack
from krabbel.stack.errors import StackError
from krabbel.stack.probes import answers_http
from krabbel.stack.spec import ProcessSpec
from krabbel.stack.state import default_data_dir
from proto.errors import KrabbelError
from services.chassis.users import FIRST_ADMIN

OUTSIDE = {"broker": "KRABBEL_AMQP_URL", "database": "KRABBEL_MONGO_URL", "objects": "KRABBEL_S3_ENDPOINT"}
"""Where one of these is set, that server is yours and not started here."""
OURS = ("KRABBEL_DATA_DIR", "KRABBEL_HOST", "KRABBEL_PORT", "KRABBEL_QUERY_URL")
"""Settings that only the stack itself can know."""
PREDECESSOR = {"API_KEY": "KRABBEL_API_KEY", "CAMERA_NAME": "KRABBEL_CAMERA_NAME"}
"""Names in ``.env`` that operators of the predecessor have."""
DEMO_HISTORY = 120


class _Ended(BaseException):
    """A signal came."""


def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder for everything (default: KRABBEL_DATA_DIR, ./data)")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the one address; 0: any free one")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets traps and phones in your network in")
    ] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=0, max=64, help="Classifier processes")] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Also run three simulated camera traps")] = False,
) -> None:
    """Start everything in one folder, and keep it running until Ctrl-C. The data stays."""
    console = Console(highlight=False, soft_wrap=True)
    root = default_data_dir() if data_dir is None else data_dir
    settings = operator_settings(Path(".env"))
    outside = {name for name, variable in OUTSIDE.items() if variable in settings}
    for name in sorted(outside):
        console.print(f"{name}: yours, as {OUTSIDE[name]} says")
    parts = tuple(name for name in EVERYTHING if name not in outside)
    stack = EmbeddedStack(
        root, parts, workers=workers, port=port, host=host, settings=settings, watch=_Narrator(console)
    )
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        signal.signal(number, _end)
    try:
        console.print(f"Starting in {stack.folder.root} (the logs are in {stack.folder.logs})")
        stack.start()
        password = _first_password(stack, settings)
        _tell_ready(console, stack, key_is_given="KRABBEL_API_KEY" in settings, password=password)
        if demo:
            stack.add(_simulator(stack))
        threading.Event().wait()
    except _Ended:
        console.print("Ending; once more Ctrl-C to kill")
    except StackError as error:
        sys.stderr.write(f"krabbel: {error}\n")
        raise typer.Exit(1) from error
    finally:
        _stop(stack)
    console.print("Ended. The data stays in " + str(stack.folder.root))


def operator_settings(env_file: Path) -> dict[str, str]:
    """Return the KRABBEL_* settings of the operator: from ``.env``, and before them those of the environment."""
    file = {name: value for name, value in dotenv_values(env_file).items() if value}
    given = {PREDECESSOR.get(name, name): value for name, value in {**file, **os.environ}.items()}
    return {name: value for name, value in given.items() if name.startswith("KRABBEL_") and name not in OURS}


class _Narrator:
    """Says what happens to the processes: each that comes up, and each that dies."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def __call__(self, component: Component) -> None:
        name, seconds = component.spec.name, time.monotonic() - self._began
        if component.state is State.UP:
            again = f" (start {component.restarts + 1})" if component.restarts else ""
            self._console.print(f"[dim]{seconds:6.1f} s[/]  {name} is ready{again}")
        elif component.state in (State.WAITING, State.FAILED) and component.trouble:
            end = "it is started again" if component.state is State.WAITING else "giving up"
            self._console.print(f"[dim]{seconds:6.1f} s[/]  [red]{name}[/] {component.trouble}: {end}, see {name}.log")


def _end(_number: int, _frame: object) -> None:
    raise _Ended


def _stop(stack: EmbeddedStack) -> None:
    """End in order; a second signal kills."""
    try:
        stack.stop()
    except _Ended:
        stack.stop(kill=True)


def _first_password(stack: EmbeddedStack, settings: Mapping[str, str]) -> str | None:
    """See to it that somebody can sign in; return the password of the user who was made just now, if it is ours."""
    given = settings.get("KRABBEL_ADMIN_PASSWORD")
    ours = load_or_create(stack.folder.root / "secrets.json").admin_password
    try:
        made = asyncio.run(ensure_first_admin(stack.env, given or ours))
    except KrabbelError as error:
        raise StackError(f"The first user was not made: {error.detail}") from error
    return ours if made and not given else None


def _tell_ready(console: Console, stack: EmbeddedStack, *, key_is_given: bool, password: str | None) -> None:
    url = stack.urls["public"]
    print(f"krabbel is ready: {url}", flush=True)
    console.print(f"  dashboard   {url}/")
    if password:
        console.print(
            f"  sign in     as [bold]{FIRST_ADMIN}[/] with [bold]{password}[/] (shown only now, kept in secrets.json)"
        )
    else:
        console.print("  sign in     `krabbel user list` shows who may, `krabbel user passwd NAME` sets a new password")
    console.print(f"  API         {url}/docs")
    if key_is_given:
        console.print("  keys        the API_KEY that you gave (.env or environment) uploads and reads;")
    else:
        console.print(f"  keys        {stack.folder.root / 'secrets.json'} has yours (api_key: upload and read);")
    console.print("              `krabbel camera add` makes one for each trap")


def _simulator(stack: EmbeddedStack) -> ProcessSpec:
    """Return the process with three simulated traps. In a folder's first demo they bring a day's history."""
    port = int(stack.urls["query"].rpartition(":")[2])
    first = not (stack.folder.root / "simulator-keys.json").exists()
    history = ["--history", str(DEMO_HISTORY)] if first else []
    return ProcessSpec(
        name="simulator",
        command=[
            *(sys.executable, "-m", "krabbel", "simulate", "--cameras", "3", "--quiet"),
            *("--data-dir", str(stack.folder.root), "--url", stack.urls["public"], *history),
        ],
        env={"PYTHONUNBUFFERED": "1"},
        ready=lambda: answers_http(port, "/healthz"),
        grace_s=8,
    )
