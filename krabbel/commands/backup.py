"""``krabbel backup``: everything into a folder, while the system runs; objects that are there are not fetched again."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from krabbel.backup.make import BackupMaker
from krabbel.backup.progress import shown
from krabbel.commands.camera import DataDir
from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from services.chassis.database import open_database
from services.chassis.object_store import open_object_store
from services.chassis.settings import BackendSettings

console = Console(soft_wrap=True)


@plainly
def backup(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept; the same folder each time")],
    data_dir: DataDir = None,
) -> None:
    """Back up documents, pictures, keys, users and models into a folder. Exit code 1 where a picture is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    complete = asyncio.run(_backup(folder, BackendSettings.from_env(load_env(data_dir))))
    raise typer.Exit(0 if complete else 1)


async def _backup(folder: Path, settings: BackendSettings) -> bool:
    async with open_database(settings, timeout_s=30) as database, open_object_store(settings) as store:
        with shown(console) as tell:
            maker = BackupMaker(folder, database, store, tell)
            name, manifest = await maker.make()
    documents = sum(entry.documents for entry in manifest.collections)
    console.print(
        f"Backup {name}: {documents} documents, {manifest.objects} objects ({manifest.object_bytes / 1e6:.1f} MB), "
        f"{maker.fetched} of them new."
    )
    console.print("Keep .env or secrets.json yourself: keys that stand in settings are not in the database.")
    if manifest.missing_objects:
        console.print(f"[red]{len(manifest.missing_objects)} objects are missing in the store[/]; see manifest.json.")
    return not manifest.missing_objects
