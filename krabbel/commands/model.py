"""``krabbel model``: fetch, add, list, activate and remove models. Workers follow within seconds, without a restart."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
from rich.table import Table

from krabbel.model_fetch import PUBLISHED, fetch
from krabbel.plain_errors import plainly
from krabbel.stack.state import default_data_dir, is_running, load_env
from proto.errors import ModelRefused
from services.chassis.database import open_database
from services.chassis.models import ModelDescription, Models, RegisteredModel
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.settings import BackendSettings
from services.chassis.workers import Workers, WorkerStatus

DESCRIBE_S = 180.0
app = typer.Typer(help="Models: which there are, and which one classifies.", no_args_is_help=True)
console = Console()

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")]


@app.command("fetch")
@plainly
def fetch_(
    name: Annotated[str, typer.Argument(help=f"A published model: {', '.join(PUBLISHED)}")],
    source: Annotated[str | None, typer.Option("--from", help="Another address of the same file: a mirror")] = None,
    proxy: Annotated[str | None, typer.Option(help="Proxy for this download, http://host:port")] = None,
    activate: Annotated[bool, typer.Option("--activate", help="And let it classify from now on")] = False,
    data_dir: DataDir = None,
) -> None:
    """Download a published model, check that it is the very file, and register it if a stack runs."""
    if name not in PUBLISHED:
        raise typer.BadParameter(f"no published model is called {name!r}; known: {', '.join(PUBLISHED)}")
    root = data_dir or default_data_dir()
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(PUBLISHED[name].file_name)
        path = fetch(
            PUBLISHED[name],
            root / "models",
            url=source,
            proxy=proxy,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(f"{path} is the published file (git blob {PUBLISHED[name].git_blob_id[:12]}).")
    if "KRABBEL_MONGO_URL" in os.environ or is_running(root):
        _install(path, None, None, activate, data_dir)
    else:
        console.print(f"No stack runs in {root}: start one with KRABBEL_MODEL={path.absolute()}, or add it later.")


@app.command()
@plainly
def add(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YOLOv5 .pt, .torchscript or .onnx")],
    name: Annotated[str | None, typer.Option(help="Name, instead of the card's or the file's")] = None,
    version: Annotated[str | None, typer.Option(help="Version, instead of the card's or the file's hash")] = None,
    activate: Annotated[bool, typer.Option("--activate", help="And let it classify from now on")] = False,
    data_dir: DataDir = None,
) -> None:
    """Register a model file. It is opened in a process of its own, as data: nothing in it is executed."""
    _install(file, name, version, activate, data_dir)


@app.command("list")
@plainly
def list_(data_dir: DataDir = None) -> None:
    """Show the registered models, and which worker uses which."""

    async def collect() -> tuple[list[RegisteredModel], str | None, list[WorkerStatus]]:
        async with registry(load_env(data_dir)) as (models, workers, _):
            return await models.all(), await models.active_id(), await workers.alive()

    found, active, workers = asyncio.run(collect())
    table = Table("model", "format", "classes", "size", "SHA-256", "workers", "")
    for model in found:
        using = sum(worker.model_id == model.model_id for worker in workers)
        notes = [*(["activated"] if model.model_id == active else []), *(["demo"] if model.demo else [])]
        if model.unknown_classes:
            notes.append(f"{len(model.unknown_classes)} classes unknown to the taxonomy")
        size = f"{model.image_size} px"
        table.add_row(
            model.model_id, model.format, str(len(model.classes)), size, model.sha256[:12], str(using), ", ".join(notes)
        )
    console.print(table)
    if active is None:
        console.print("None is activated: each worker uses the file in its settings (KRABBEL_MODEL).")
    for worker in workers:
        if worker.trouble:
            console.print(f"[red]{worker.worker_id}[/]: {worker.trouble}")


@app.command()
@plainly
def activate(
    model_id: Annotated[str | None, typer.Argument(help="name@version, as in the list")] = None,
    default: Annotated[bool, typer.Option("--default", help="Back to the file in each worker's settings")] = False,
    data_dir: DataDir = None,
) -> None:
    """Let a model classify from now on. Workers change within seconds, between two runs."""
    if (model_id is None) != default:
        raise typer.BadParameter("name one model, or say --default")

    async def change() -> None:
        async with registry(load_env(data_dir)) as (models, _, _store):
            await models.activate(model_id)

    asyncio.run(change())
    console.print(f"Activated: {model_id or 'the model in each worker’s settings'}.")
    if model_id is not None:
        console.print(f"Runs that are stored keep their result; `krabbel reclassify --model {model_id}` changes that.")


@app.command()
@plainly
def remove(
    model_id: Annotated[str, typer.Argument(help="name@version, as in the list")], data_dir: DataDir = None
) -> None:
    """Take a model off the registry, and its file out of the object store. What it said of runs stays."""

    async def take_off() -> None:
        async with registry(load_env(data_dir)) as (models, _, store):
            removed = await models.remove(model_id)
            if all(other.sha256 != removed.sha256 for other in await models.all()):
                await store.remove([removed.object_key])

    asyncio.run(take_off())
    console.print(f"Removed: {model_id}.")


def describe(file: Path) -> ModelDescription:
    """Return what a model file is; it is read in a process that knows no key and no address.

    Raises:
        ModelRefused: it is none, with the reason.
    """
    harmless = {name: value for name, value in os.environ.items() if not name.startswith(("KRABBEL_", "AWS_"))}
    command = [sys.executable, "-m", "services.classifier.describe", str(file.absolute())]
    try:
        done = subprocess.run(command, env=harmless, capture_output=True, text=True, timeout=DESCRIBE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelRefused(f"{file.name} could not be read within {DESCRIBE_S:.0f} s.") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["the process that read it ended without a word"])[-1]
        raise ModelRefused(last)
    return ModelDescription.model_validate_json(done.stdout)


@asynccontextmanager
async def registry(env: Mapping[str, str]) -> AsyncIterator[tuple[Models, Workers, ObjectStore]]:
    """Open the registry of a running stack."""
    settings = BackendSettings.from_env(env)
    async with open_database(settings) as database, open_object_store(settings) as store:
        yield Models(database), Workers(database), store


def _install(file: Path, name: str | None, version: str | None, activate: bool, data_dir: Path | None) -> None:
    """Describe, upload, register, and perhaps activate; the file first, then what points at it."""
    described = describe(file)
    given = {key: value for key, value in (("name", name), ("version", version)) if value is not None}
    described = ModelDescription.model_validate(described.model_dump() | given)

    async def put() -> bool:
        async with registry(load_env(data_dir)) as (models, _, store):
            await store.put_file(described.object_key, file, "application/octet-stream")
            new = await models.add(described)
            if activate:
                await models.activate(described.model_id)
            return new

    new = asyncio.run(put())
    console.print(
        f"{'Registered' if new else 'Is registered already'}: [bold]{described.model_id}[/], {described.format}, "
        f"{len(described.classes)} classes, {described.image_size} px."
    )
    if described.unknown_classes:
        shown = ", ".join(described.unknown_classes[:5])
        console.print(f"The taxonomy does not know {len(described.unknown_classes)} of its classes: {shown} ...")
    console.print(
        "It classifies from now on." if activate else f"To use it: krabbel model activate {described.model_id}"
    )
