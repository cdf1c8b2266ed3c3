"""``krabbel export``: runs as a file that other programs read (tables, Camtrap DP, Darwin Core, pictures)."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from krabbel.client_exports import ExportClient
from krabbel.stack.state import load_env
from proto.errors import Conflict, KrabbelError
from proto.export import ExportJob, ExportState

POLL_S = 0.5
PATIENCE_S = 120.0
console = Console(stderr=True)


async def _download(client: ExportClient, job: ExportJob, out: Path, progress: Progress) -> None:
    """Fetch a finished export's file; a broken transfer leaves no half file."""
    partial = out.with_name(f"{out.name}.part")
    bar = progress.add_task("fetching", total=job.byte_size)
    try:
        with partial.open("wb") as file:
            async for piece in client.export_file(job):
                await asyncio.to_thread(file.write, piece)
                progress.advance(bar, len(piece))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def export(
    format_: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="csv, top1-final, top1-all, ndjson, parquet, zip, camtrap-dp or dwca",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File or folder to write to (default: here, with its own name)")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Only these cameras, by commas")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Not before this local day, YYYY-MM-DD")] = None,
    to: Annotated[str | None, typer.Option(help="Up to this local day, YYYY-MM-DD")] = None,
    label: Annotated[str | None, typer.Option("--class", help="Only these classes, by commas")] = None,
    url: Annotated[str | None, typer.Option(help="Address of Krabbel (default: the running stack's)")] = None,
    key: Annotated[str | None, typer.Option(envvar="KRABBEL_KEY", help="Key (default: the stack's own)")] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")] = None,
) -> None:
    """Export runs to a file; the server makes it, this command shows how far it is and fetches it."""
    env = load_env(data_dir) if url is None or key is None else dict(os.environ)
    given = {"camera": camera, "from": from_, "to": to, "class": label}
    wanted = {name: value for name, value in given.items() if value}
    base, secret, target = url or env["KRABBEL_PUBLIC_URL"], key or env.get("KRABBEL_SERVICE_KEY", ""), out or Path()
    try:
        job, path = asyncio.run(_export(base, secret, format_, wanted, target, is_folder=target.is_dir()))
    except KrabbelError as error:
        console.print(f"[red]{error.title}:[/] {error.detail}")
        raise typer.Exit(1) from error
    console.print(f"{job.runs_written} runs, {job.byte_size} bytes: [bold]{path}[/]")


async def _export(
    base: str, key: str, format_: str, selection: Mapping[str, str], out: Path, *, is_folder: bool
) -> tuple[ExportJob, Path]:
    async with ExportClient(base, key, timeout_s=PATIENCE_S) as client:
        job = await client.start_export(format_, selection)
        path = out / Path(job.file_name).name if is_folder else out
        with Progress(TextColumn("{task.description}"), BarColumn(), *_COLUMNS, console=console) as progress:
            job = await _finished(client, job, progress)
        with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console) as progress:
            await _download(client, job, path, progress)
        return job, path


_COLUMNS = (MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn())


async def _finished(client: ExportClient, job: ExportJob, progress: Progress) -> ExportJob:
    """Watch a job to its end.

    Raises:
        Conflict: it failed; the message says why.
    """
    bar = progress.add_task("writing", total=None)
    while True:
        job = await client.export_job(job.job_id)
        progress.update(bar, completed=job.runs_written, total=job.runs_total)
        if job.state is ExportState.FAILED:
            raise Conflict(f"The export failed: {job.reason}")
        if job.state is ExportState.DONE:
            return job
        await asyncio.sleep(POLL_S)
