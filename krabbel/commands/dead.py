"""``krabbel dead``: jobs that no worker could do; list, show, replay or drop them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from proto.errors import NotFound
from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.parked import Parked, ParkedMessage
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings

app = typer.Typer(help="Jobs that no worker could do.", no_args_is_help=True)
console = Console()

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")]
Which = Annotated[str | None, typer.Argument(help="Id, as in the list")]
Every = Annotated[bool, typer.Option("--all", help="All of them")]


@app.command("list")
@plainly
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False, data_dir: DataDir = None
) -> None:
    """Show what is parked, with the reason."""

    async def collect() -> list[tuple[ParkedMessage, str]]:
        async with parking(load_env(data_dir)) as (parked, runs):
            return [(message, await reason_of(message, runs)) for message in await parked.all()]

    found = asyncio.run(collect())
    if as_json:
        rows = [
            {"id": message.parked_id, "run_id": message.run_id, "queue": message.queue, "reason": reason}
            for message, reason in found
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table("id", "since", "run", "camera", "images", "reason")
    for message, reason in found:
        since = message.parked_at.strftime("%Y-%m-%d %H:%M UTC") if message.parked_at else "unknown"
        job = message.job
        camera, images = (job.camera_id, str(len(job.images))) if job else ("", "")
        table.add_row(message.parked_id, since, message.run_id or "unreadable", camera, images, reason)
    console.print(table if found else "Nothing is parked.")
    if found:
        console.print("Try again: krabbel dead replay ID (or --all). Throw away: krabbel dead drop ID (or --all).")


@app.command()
@plainly
def show(parked_id: Annotated[str, typer.Argument(help="Id, as in the list")], data_dir: DataDir = None) -> None:
    """Show one parked message with everything in it, as JSON."""

    async def find() -> tuple[ParkedMessage, str]:
        async with parking(load_env(data_dir)) as (parked, runs):
            for message in await parked.all():
                if message.parked_id == parked_id:
                    return message, await reason_of(message, runs)
        raise NotFound(f"No parked message has the id {parked_id!r}. `krabbel dead list` shows them.")

    message, reason = asyncio.run(find())
    content = {
        "id": message.parked_id,
        "reason": reason,
        "cause": message.cause,
        "queue": message.queue,
        "message_id": message.message_id,
        "headers": {name: str(value) for name, value in message.headers.items()},
        "body": message.body.decode("utf-8", "backslashreplace"),
    }
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))


@app.command()
@plainly
def replay(parked_id: Which = None, every: Every = False, data_dir: DataDir = None) -> None:
    """Send parked jobs to the workers again; their runs are queued again."""
    _check(parked_id, every)

    async def work() -> int:
        async with parking(load_env(data_dir)) as (parked, _):
            return await parked.replay(parked_id)

    console.print(f"{asyncio.run(work())} sent to the workers again.")


@app.command()
@plainly
def drop(parked_id: Which = None, every: Every = False, data_dir: DataDir = None) -> None:
    """Throw parked jobs away. Their runs and pictures stay."""
    _check(parked_id, every)

    async def work() -> int:
        async with parking(load_env(data_dir)) as (parked, _):
            return await parked.drop(parked_id)

    console.print(f"{asyncio.run(work())} thrown away.")


async def reason_of(message: ParkedMessage, runs: Runs) -> str:
    """Return why a message is parked: in the worker's words where the run has them, else in the broker's."""
    if message.run_id is not None:
        try:
            reason = (await runs.get(message.run_id)).status_reason
        except NotFound:
            return f"{message.cause}; its run is not in the database (any more)"
        if reason:
            return reason
    return message.cause


@asynccontextmanager
async def parking(env: Mapping[str, str]) -> AsyncIterator[tuple[Parked, Runs]]:
    """Open the parking queue of a running stack."""
    settings = BackendSettings.from_env(env)
    async with open_database(settings) as database, open_broker(settings) as broker:
        runs = Runs(database)
        yield Parked(settings, broker, runs), runs


def _check(parked_id: str | None, every: bool) -> None:
    if (parked_id is None) != every:
        raise typer.BadParameter("name one id, or say --all")
