"""``krabbel restore``: a backup into an empty system; every file is checked before anything is written."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from krabbel.backup.manifest import Manifest, read_manifest
from krabbel.backup.progress import shown
from krabbel.backup.restore import check_files
from krabbel.backup.restore import restore as bring_back
from krabbel.commands.camera import DataDir
from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from services.chassis.database import open_database
from services.chassis.object_store import open_object_store
from services.chassis.settings import BackendSettings

console = Console(soft_wrap=True)


@plainly
def restore(
    folder: Annotated[Path, typer.Argument(help="The folder of `krabbel backup`")],
    name: Annotated[str | None, typer.Option("--backup", help="Which one; else the latest")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check the backup's files; needs no system")] = False,
    data_dir: DataDir = None,
) -> None:
    """Bring a backup back into an empty system. Broken off? Run it again."""
    chosen, manifest = read_manifest(folder, name)
    if check:
        with shown(console) as tell:
            keys = check_files(folder, chosen, manifest, tell)
        console.print(f"Backup {chosen} is whole: {len(keys)} objects and {len(manifest.collections)} collections.")
        return
    total = asyncio.run(_restore(folder, chosen, manifest, BackendSettings.from_env(load_env(data_dir))))
    console.print(f"Restored {chosen}: {total} documents, {manifest.objects} objects.")


async def _restore(folder: Path, name: str, manifest: Manifest, settings: BackendSettings) -> int:
    async with open_database(settings, timeout_s=30) as database, open_object_store(settings) as store:
        with shown(console) as tell:
            return await bring_back(folder, name, manifest, database, store, tell)
