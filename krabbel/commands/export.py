"""``krabbel export``: runs as a file that other programs read (tables, Camtrap DP, Darwin Core, pictures)."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from krabbel.client import error_of
from krabbel.stack.state import load_env
from proto.errors import Conflict, KrabbelError, Unavailable
from proto.export import ExportJob, ExportState

POLL_S = 0.5
SILENCE_S = 120
console = Console(stderr=True)


class Remote:
    """The exports of one query service."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = f"{base.rstrip('/')}/api/v1/exports"

    async def start(self, wanted: Mapping[str, str]) -> ExportJob:
        """Start an export."""
        async with self._answer("POST", "", json=dict(wanted)) as answer:
            return ExportJob.model_validate_json(await answer.text())

    async def job(self, job_id: str) -> ExportJob:
        """Return how far an export is."""
        async with self._answer("GET", f"/{job_id}") as answer:
            return ExportJob.model_validate_json(await answer.text())

    async def download(self, job: ExportJob, out: Path, progress: Progress) -> int:
        """Fetch a finished export's file; a broken transfer leaves no half file. Returns its bytes."""
        partial = out.with_name(f"{out.name}.part")
        bar, size = progress.add_task("fetching", total=job.byte_size), 0
        try:
            async with self._answer("GET", f"/{job.job_id}/download") as answer:
                with partial.open("wb") as file:
                    async for chunk in answer.content.iter_chunked(256 * 1024):
                        await asyncio.to_thread(file.write, chunk)
                        size += len(chunk)
                        progress.update(bar, completed=size)
            if size != job.byte_size:
                raise Unavailable(f"The file broke off after {size} of {job.byte_size} bytes; try again.")
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
        return size

    @asynccontextmanager
    async def _answer(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(method, self._base + path, **options) as answer:
                if answer.status >= 400:
                    raise error_of(answer.status, await answer.text())
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"Krabbel does not answer at {self._base}: {type(error).__name__}.") from error


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
    given = {"format": format_, "camera": camera, "from": from_, "to": to, "class": label}
    wanted = {name: value for name, value in given.items() if value}
    base, secret, target = url or env["KRABBEL_PUBLIC_URL"], key or env.get("KRABBEL_SERVICE_KEY", ""), out or Path()
    try:
        job, path = asyncio.run(_export(base, secret, wanted, target, is_folder=target.is_dir()))
    except KrabbelError as error:
        console.print(f"[red]{error.title}:[/] {error.detail}")
        raise typer.Exit(1) from error
    console.print(f"{job.runs_written} runs, {job.byte_size} bytes: [bold]{path}[/]")


async def _export(
    base: str, key: str, wanted: Mapping[str, str], out: Path, *, is_folder: bool
) -> tuple[ExportJob, Path]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        remote = Remote(session, base)
        job = await remote.start(wanted)
        path = out / Path(job.file_name).name if is_folder else out
        with Progress(TextColumn("{task.description}"), BarColumn(), *_COLUMNS, console=console) as progress:
            job = await _finished(remote, job, progress)
        with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console) as progress:
            await remote.download(job, path, progress)
        return job, path


_COLUMNS = (MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn())


async def _finished(remote: Remote, job: ExportJob, progress: Progress) -> ExportJob:
    """Watch a job to its end.

    Raises:
        Conflict: it failed; the message says why.
    """
    bar = progress.add_task("writing", total=None)
    while True:
        job = await remote.job(job.job_id)
        progress.update(bar, completed=job.runs_written, total=job.runs_total)
        if job.state is ExportState.FAILED:
            raise Conflict(f"The export failed: {job.reason}")
        if job.state is ExportState.DONE:
            return job
        await asyncio.sleep(POLL_S)
