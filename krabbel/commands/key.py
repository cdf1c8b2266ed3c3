"""``krabbel key``: make, list and revoke keys, for one camera or for the whole system."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from krabbel.commands.camera import cameras_of
from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from proto.administration import KeyInfo, NewKey, key_info
from proto.camera import ApiKey, Scope

app = typer.Typer(help="Keys: who may upload, read, verify and administer.", no_args_is_help=True)
console = Console()

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")]


@app.command()
@plainly
def add(
    name: Annotated[str, typer.Argument(help="What people call it")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeat for several")],
    camera: Annotated[str | None, typer.Option(help="Only this camera (its id); without it: all")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it, once."""
    try:
        wanted = NewKey(name=name, scopes=frozenset(scope), camera_id=camera)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"]) from error

    async def issue() -> str:
        async with cameras_of(load_env(data_dir)) as cameras:
            if wanted.camera_id is not None:
                await cameras.get(wanted.camera_id)
            return await cameras.issue_key(wanted.scopes, wanted.camera_id, wanted.name)

    typer.echo(asyncio.run(issue()))


@app.command("list")
@plainly
def list_(data_dir: DataDir = None) -> None:
    """Show all keys, newest first; never a key itself."""

    async def collect() -> list[ApiKey]:
        async with cameras_of(load_env(data_dir)) as cameras:
            return await cameras.keys()

    table = Table("id", "name", "scopes", "camera", "made", "last used", "revoked")
    for key in sorted(map(key_info, asyncio.run(collect())), key=lambda key: key.created_at, reverse=True):
        table.add_row(key.id, key.name, " ".join(key.scopes), key.camera_id or "all", *_moments(key))
    console.print(table)


@app.command()
@plainly
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id, as in the list")],
    data_dir: DataDir = None,
) -> None:
    """Revoke one key; the services obey within five seconds."""

    async def work() -> KeyInfo:
        async with cameras_of(load_env(data_dir)) as cameras:
            return key_info(await cameras.revoke_key(key_id))

    revoked = asyncio.run(work())
    console.print(f"Revoked: {revoked.id}, {revoked.name}.")


def _moments(key: KeyInfo) -> list[str]:
    moments = (key.created_at, key.last_used_at, key.revoked_at)
    return [moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "" for moment in moments]
