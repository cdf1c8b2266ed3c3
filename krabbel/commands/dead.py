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
from proto.dead import DeadLetter, DeadLetters, DeadLettersDone
from proto.errors import NotFound
from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.dead_letters import letter_of
from services.chassis.parked import Parked
from services.chassis.parked_message import ParkedMessage
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings

app = typer.Typer(help="Jobs that no worker could do.", no_args_is_help=True)
console = Console()
MOST_LISTED = 1000

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")]
Which = Annotated[str | None, typer.Argument(help="Id, as in the list")]
Every = Annotated[bool, typer.Option("--all", help="All of them")]


@app.command("list")
@plainly
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False, data_dir: DataDir = None
) -> None:
    """Show what is parked, with the reason."""

    async def collect() -> DeadLetters:
        async with parking(load_env(data_dir)) as (parked, _):
            return await parked.letters(MOST_LISTED)

    found = asyncio.run(collect())
    if as_json:
        typer.echo(json.dumps([letter.model_dump(mode="json") for letter in found.items], indent=1))
        return
    table = Table("id", "since", "run", "camera", "images", "reason")
    for letter in found.items:
        since = letter.parked_at.strftime("%Y-%m-%d %H:%M UTC") if letter.parked_at else "unknown"
        images = "" if letter.images is None else str(letter.images)
        table.add_row(letter.id, since, letter.run_id or "unreadable", letter.camera_id or "", images, letter.reason)
    console.print(table if found.items else "Nothing is parked.")
    if found.total > len(found.items):
        console.print(f"{found.total - len(found.items)} more are parked.")
    if found.items:
        console.print("Try again: krabbel dead replay ID (or --all). Throw away: krabbel dead drop ID (or --all).")


@app.command()
@plainly
def show(parked_id: Annotated[str, typer.Argument(help="Id, as in the list")], data_dir: DataDir = None) -> None:
    """Show one parked message with everything in it, as JSON."""

    async def find() -> tuple[ParkedMessage, DeadLetter]:
        async with parking(load_env(data_dir)) as (parked, runs):
            for message in await parked.all():
                if message.parked_id == parked_id:
                    return message, await letter_of(message, runs)
        raise NotFound(f"No parked message has the id {parked_id!r}. `krabbel dead list` shows them.")

    message, letter = asyncio.run(find())
    content = {
        "id": message.parked_id,
        "reason": letter.reason,
        "obstacle": letter.obstacle,
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

    async def work() -> DeadLettersDone:
        async with parking(load_env(data_dir)) as (parked, _):
            return await parked.replay(parked_id)

    done = asyncio.run(work())
    console.print(f"{done.done} sent to the workers again.")
    if done.skipped:
        console.print(f"{done.skipped} stay: their runs or pictures are gone. `krabbel dead show ID` says which.")


@app.command()
@plainly
def drop(parked_id: Which = None, every: Every = False, data_dir: DataDir = None) -> None:
    """Throw parked jobs away. Their runs and pictures stay."""
    _check(parked_id, every)

    async def work() -> DeadLettersDone:
        async with parking(load_env(data_dir)) as (parked, _):
            return await parked.drop(parked_id)

    console.print(f"{asyncio.run(work()).done} thrown away.")


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
