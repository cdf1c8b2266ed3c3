"""``krabbel status``: what runs, what waits in the queues, how far the runs are."""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from krabbel.stack.errors import NotRunning
from krabbel.stack.probes import readiness_trouble
from krabbel.stack.state import ProcessState, StackState, default_data_dir, is_running, load_env, read_state

TIMEOUT_S = 8.0


@dataclass(slots=True)
class Counts:
    """What the servers say. An empty part with an error: that server does not answer."""

    queues: dict[str, int] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    workers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def status(
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Data folder of the stack (default: KRABBEL_DATA_DIR, ./data)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Show services, queue depths and runs by status. Exit code 1 if anything is down."""
    state, healthy = None, True
    if data_dir is not None or "KRABBEL_MONGO_URL" not in os.environ:
        root = default_data_dir() if data_dir is None else data_dir
        if not is_running(root):
            raise NotRunning(f"No stack runs in {root.absolute()}. Start one: krabbel up --data-dir {root}")
        state = read_state(root)
        healthy = all(process.state == "up" for process in state.processes.values())
    troubles = _troubles(state) if state else {}
    counts = asyncio.run(collect_counts(load_env(data_dir)))
    healthy = healthy and not counts.errors and not troubles
    if as_json:
        stack = {"stack": asdict(state) if state else None, "not_ready": troubles}
        typer.echo(json.dumps(stack | asdict(counts), indent=1))
    else:
        _show(state, troubles, counts)
    raise typer.Exit(0 if healthy else 1)


async def collect_counts(env: Mapping[str, str]) -> Counts:
    """Ask broker and database, side by side, each for a few seconds at most."""
    from proto.errors import Unavailable
    from proto.system import QueueKind
    from services.chassis.broker import open_broker
    from services.chassis.database import open_database
    from services.chassis.queue_states import queue_states
    from services.chassis.runs import Runs
    from services.chassis.settings import BackendSettings
    from services.chassis.workers import Workers

    settings, counts = BackendSettings.from_env(env), Counts()

    async def ask_broker() -> None:
        async with open_broker(settings) as broker:
            states = await queue_states(broker)
            counts.queues = {state.name: state.ready for state in states if state.kind is not QueueKind.RETRY}
            later = sum(state.ready for state in states if state.kind is QueueKind.RETRY)
            counts.queues["waiting for a later try"] = later

    async def ask_database() -> None:
        async with open_database(settings, timeout_s=3) as database:
            counts.runs = await Runs(database).count_by_status()
            counts.workers = [
                f"{worker.model_id} on {worker.device}, {worker.runtime}: {worker.runs} runs, {worker.images} images, "
                f"{worker.images_per_s:.1f} images/s"
                for worker in await Workers(database).alive()
            ]

    for name, result in zip(
        ("broker", "database"),
        await asyncio.gather(
            asyncio.wait_for(ask_broker(), TIMEOUT_S),
            asyncio.wait_for(ask_database(), TIMEOUT_S),
            return_exceptions=True,
        ),
        strict=True,
    ):
        if isinstance(result, Unavailable | TimeoutError):
            counts.errors.append(f"the {name} does not answer")
        elif isinstance(result, BaseException):
            raise result
    return counts


def _troubles(state: StackState) -> dict[str, str]:
    """Return, for each service that says it is not ready, what it waits for."""

    def ask(item: tuple[str, ProcessState]) -> tuple[str, str]:
        name, process = item
        port = process.ports.get("http")
        if port is None or name == "proxy" or process.state != "up":
            return name, ""
        return name, readiness_trouble(port)

    with ThreadPoolExecutor(8) as pool:
        return {name: trouble for name, trouble in pool.map(ask, state.processes.items()) if trouble}


def _show(state: StackState | None, troubles: Mapping[str, str], counts: Counts) -> None:
    console = Console(highlight=False)
    if state is not None:
        table = Table("service", "state", "pid", "port", "up for", "restarts", "", box=None, pad_edge=False)
        for name, process in state.processes.items():
            colour = "green" if process.state == "up" and name not in troubles else "red"
            table.add_row(
                name,
                f"[{colour}]{process.state}[/]",
                str(process.pid or "-"),
                " ".join(str(port) for port in process.ports.values()),
                duration(time.time() - process.started_at) if process.started_at and process.state == "up" else "-",
                str(process.restarts),
                troubles.get(name, "") or ("" if process.state == "up" else f"see logs/{Path(process.log).name}"),
            )
        console.print(table)
        console.print(
            f"\nKrabbel at {state.url}, process {state.supervisor_pid}, up for "
            f"{duration(time.time() - state.started_at)}"
        )
    for title, rows in (("queue", counts.queues), ("runs", counts.runs)):
        if rows:
            table = Table(title, "", box=None, pad_edge=False, title_justify="left")
            for name, number in rows.items():
                table.add_row(name, str(number))
            console.print()
            console.print(table)
    console.print()
    for worker in counts.workers:
        console.print(f"worker: {worker}")
    for error in counts.errors:
        console.print(f"[red]{error}[/]")


def duration(seconds: float) -> str:
    """Return a length of time for people: 42 s, 3 min, 2 h 05 min, 3 d 4 h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if minutes < 1:
        return f"{max(0, seconds):.0f} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{days} d {hours % 24} h"
