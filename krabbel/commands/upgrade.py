"""``krabbel upgrade``: bring the database and the queues to what this version needs; repeat it as often as you like."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from krabbel.commands.camera import DataDir
from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from services.chassis.broker import RETRY_DELAYS_S
from services.chassis.database import open_database
from services.chassis.queue_arguments import QueueArguments
from services.chassis.schema import Schema
from services.chassis.settings import BackendSettings

console = Console(soft_wrap=True)


@plainly
def upgrade(
    data_dir: DataDir = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 where something is needed")
    ] = False,
) -> None:
    """Upgrade the database and the queues; forward only. What was broken off goes on; what is done is left alone."""
    settings = BackendSettings.from_env(load_env(data_dir))
    if check:
        needed = asyncio.run(_needed(settings))
        console.print("\n".join(needed) or "Nothing to do.")
        raise typer.Exit(1 if needed else 0)
    asyncio.run(_upgrade(settings))


async def _needed(settings: BackendSettings) -> list[str]:
    async with open_database(settings) as database:
        notes = [await Schema(database).note()]
    differing = await QueueArguments(settings, RETRY_DELAYS_S).differing()
    notes += [f"The queue {name} was declared otherwise: {said}" for name, said in differing.items()]
    return [note for note in notes if note]


async def _upgrade(settings: BackendSettings) -> None:
    mended = await QueueArguments(settings, RETRY_DELAYS_S).mend(
        lambda name, moved: console.print(f"Queue {name} declared anew; {moved} messages moved.")
    )
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    async with open_database(settings, timeout_s=30) as database:
        await database.ensure_indexes()
        schema, before = Schema(database), await Schema(database).version()
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("looking")
            async for step in schema.upgrade():
                progress.update(task, description=f"{step.migration.name}: {step.changed}")
                if step.done:
                    console.print(f"Version {step.migration.version}: {step.migration.name}; {step.changed} changed.")
        after = await schema.version()
    if after == before and not mended:
        console.print(f"Nothing to do: the database has version {after}, the queues are as they should be.")
