"""``krabbel rebuild-stats``: count the statistics anew from the runs, while the system runs; or only compare."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from krabbel.commands.camera import DataDir
from krabbel.stack.state import load_env
from services.chassis.database import open_database
from services.chassis.rollup_rebuild import Rebuild
from services.chassis.rollups import Difference, Rollups
from services.chassis.settings import BackendSettings

SHOWN = 30
console = Console()


def rebuild_stats(
    data_dir: DataDir = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Change nothing; exit with 1 where a number differs")
    ] = False,
) -> None:
    """Count the statistics anew from the runs; the system may run meanwhile."""
    if compare:
        differences = asyncio.run(_compare(data_dir))
        _show(differences)
        raise typer.Exit(1 if differences else 0)
    asyncio.run(_rebuild(data_dir))


async def _compare(data_dir: Path | None) -> list[Difference]:
    async with open_database(BackendSettings.from_env(load_env(data_dir)), timeout_s=30) as database:
        return await Rollups(database).compare()


async def _rebuild(data_dir: Path | None) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    async with open_database(BackendSettings.from_env(load_env(data_dir)), timeout_s=30) as database:
        await database.ensure_indexes()
        runs = corrected = 0
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("counting")
            async for month in Rebuild(database).all():
                progress.update(task, description=f"{month.month} {month.camera_id}: {month.runs} runs")
                if month.camera_id != "*":
                    runs, corrected = runs + month.runs, corrected + month.corrected
    console.print(f"Counted {runs} runs anew; {corrected} of them had been counted as something else, or not at all.")


def _show(differences: list[Difference]) -> None:
    if not differences:
        console.print("Every number is what a full recount finds.")
        return
    table = Table("camera", "period", "cell", "counted", "recount", title=f"{len(differences)} numbers differ")
    for difference in differences[:SHOWN]:
        table.add_row(
            difference.camera_id, difference.period, difference.cell, str(difference.counted), str(difference.recounted)
        )
    console.print(table)
    if len(differences) > SHOWN:
        console.print(f"… and {len(differences) - SHOWN} more.")
    console.print("Runs that were classified while this counted may show here. `krabbel rebuild-stats` counts anew.")
