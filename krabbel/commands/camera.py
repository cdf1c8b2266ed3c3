"""``krabbel camera``: add, list and revoke cameras. A key is printed once; only its hash is stored."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from krabbel.stack.state import load_env
from proto.administration import NewCamera, known_zone
from proto.camera import Scope
from proto.errors import Conflict, KrabbelError
from services.chassis.cameras import Cameras, camera_of, slug
from services.chassis.database import open_database
from services.chassis.settings import BackendSettings

T = TypeVar("T")
app = typer.Typer(help="Cameras and their keys.", no_args_is_help=True)
console = Console()
UPLOAD_AND_READ = frozenset({Scope.UPLOAD, Scope.READ})

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")]


@asynccontextmanager
async def cameras_of(env: Mapping[str, str]) -> AsyncIterator[Cameras]:
    """Open the repository of cameras of a running stack."""
    async with open_database(BackendSettings.from_env(env)) as database:
        yield Cameras(database)


async def ensure_camera(
    env: Mapping[str, str],
    camera_id: str,
    name: str,
    place: str,
    latitude: float | None,
    longitude: float | None,
    timezone: str,
) -> str | None:
    """Create a camera with a key unless it is there; return the key, or None where it was there."""
    wanted = NewCamera(
        camera_id=camera_id, name=name, place=place, latitude=latitude, longitude=longitude, timezone=timezone
    )
    camera = camera_of(wanted)
    async with cameras_of(env) as cameras:
        try:
            await cameras.add(camera)
        except Conflict:
            return None
        return await cameras.issue_key(UPLOAD_AND_READ, camera_id, f"{name} (first key)")


def _known_zone(value: str) -> str:
    try:
        return known_zone(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name that people see")],
    place: Annotated[str, typer.Option(help="Where it stands, in words")] = "",
    lat: Annotated[float | None, typer.Option(min=-90, max=90, help="Latitude, degrees north")] = None,
    lon: Annotated[float | None, typer.Option(min=-180, max=180, help="Longitude, degrees east")] = None,
    tz: Annotated[str, typer.Option(callback=_known_zone, help="IANA time zone of its clock")] = "Europe/Berlin",
    data_dir: DataDir = None,
) -> None:
    """Add a camera and print its key, once."""
    if (lat is None) != (lon is None):
        raise typer.BadParameter("name both --lat and --lon, or none")
    camera_id = slug(name)
    key = _run(ensure_camera(load_env(data_dir), camera_id, name, place, lat, lon, tz))
    if key is None:
        console.print(
            f"[red]There is a camera {camera_id!r} already.[/] Choose another name, or see `krabbel camera list`."
        )
        raise typer.Exit(1)
    console.print(f"Camera [bold]{name}[/] has the id [bold]{camera_id}[/].")
    console.print("Its key, shown only now (put it into the trap as access_token):")
    typer.echo(key)


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """List cameras, their last uploads and their keys."""

    async def rows() -> list[tuple[str, ...]]:
        async with cameras_of(load_env(data_dir)) as cameras:
            keys = await cameras.keys()
            return [
                (
                    camera.camera_id,
                    camera.name,
                    camera.place,
                    camera.timezone,
                    _moment(camera.last_upload_at, camera.timezone),
                    str(sum(key.camera_id == camera.camera_id and key.revoked_at is None for key in keys)),
                )
                for camera in await cameras.all()
            ]

    table = Table()
    for title in ("id", "name", "place", "time zone", "last upload", "valid keys"):
        table.add_column(title, overflow="fold")  # an id that is cut off cannot be copied
    for row in _run(rows()):
        table.add_row(*row)
    console.print(table)


@app.command()
def key(
    camera_id: Annotated[str, typer.Argument(help="Id of the camera, see `krabbel camera list`")],
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; repeat for several")] = None,
    label: Annotated[str, typer.Option(help="A note for you")] = "",
    data_dir: DataDir = None,
) -> None:
    """Issue one more key for a camera and print it, once."""

    async def issue() -> str:
        async with cameras_of(load_env(data_dir)) as cameras:
            camera = await cameras.get(camera_id)
            return await cameras.issue_key(frozenset(scope or UPLOAD_AND_READ), camera.camera_id, label or camera.name)

    typer.echo(_run(issue()))


@app.command()
def revoke(
    camera_id: Annotated[str, typer.Argument(help="Id of the camera, see `krabbel camera list`")],
    data_dir: DataDir = None,
) -> None:
    """Revoke all keys of a camera; the services obey within five seconds."""

    async def revoke_all() -> int:
        async with cameras_of(load_env(data_dir)) as cameras:
            await cameras.get(camera_id)
            return await cameras.revoke_keys(camera_id)

    console.print(f"{_run(revoke_all())} key(s) of {camera_id} revoked.")


def _moment(value: datetime | None, timezone: str) -> str:
    return value.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M") if value else "never"


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; an error of ours becomes one clear line and exit code 1."""
    try:
        return asyncio.run(work)
    except KrabbelError as error:
        console.print(f"[red]{error.title}:[/] {error.detail}")
        raise typer.Exit(1) from error
