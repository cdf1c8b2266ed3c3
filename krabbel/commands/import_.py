"""``krabbel import``: take over the predecessor's data folder, or recording sessions of insect-detect."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from krabbel.commands.camera import DataDir
from krabbel.importer.run_import import NothingFound, Wish, find, run_import
from krabbel.stack.state import load_env
from proto.errors import KrabbelError
from services.chassis.logging import configure_logging
from services.ingest.settings import IngestSettings


def import_(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder, unzipped")],
    camera: Annotated[str | None, typer.Option(help="Id of the camera that saw it (see `krabbel camera list`)")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be imported")] = False,
    classify: Annotated[
        bool, typer.Option("--classify", help="Let the active model classify labelled runs again")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write all that was skipped to this CSV file")] = None,
    data_dir: DataDir = None,
) -> None:
    """Import a folder. Again does no harm: what is there already stays as it is."""
    console = Console()
    settings = IngestSettings.from_env(load_env(data_dir))
    configure_logging("import", _quiet(settings))
    try:
        with console.status(f"reading {folder}"):
            findings = find(folder)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("looking" if dry_run else "importing", total=len(findings))
            outcome = asyncio.run(
                run_import(
                    Wish(folder, camera, classify, dry_run), findings, settings, lambda done: bar.advance(task, done)
                )
            )
    except NothingFound as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from error
    except KrabbelError as error:
        console.print(f"{error.detail} What was imported so far stays; start again to go on.", markup=False)
        raise typer.Exit(1) from error
    outcome.show(console, dry_run=dry_run)
    if report is not None:
        outcome.write(report)
        console.print(f"Written: {report}")


def _quiet(settings: IngestSettings) -> IngestSettings:
    """Only what is wrong, between the progress bar's lines."""
    return settings.model_copy(update={"log_level": "warning"})
