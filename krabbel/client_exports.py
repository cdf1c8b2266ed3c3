"""The client's part for exports: start one, see how far it is, and fetch its file piece by piece."""

from collections.abc import AsyncIterator, Mapping

import aiohttp

from krabbel.client import QueryClient, error_of
from proto.errors import Unavailable
from proto.export import ExportJob

PIECE_BYTES = 256 * 1024


class ExportClient(QueryClient):
    """A client that can export. Refusals and absence are told as by :class:`krabbel.client.QueryClient`."""

    async def start_export(self, format_: str, selection: Mapping[str, str] | None = None) -> ExportJob:
        """Start a job; ``selection`` is that of the list of runs: camera, from, to, class, …"""
        return await self._ask("POST", "exports", ExportJob, json={"format": format_, **(selection or {})})

    async def export_job(self, job_id: str) -> ExportJob:
        """Return how far a job is."""
        return await self._get(f"exports/{job_id}", ExportJob)

    async def export_file(self, job: ExportJob) -> AsyncIterator[bytes]:
        """Yield a finished job's file.

        Raises:
            Conflict: it is not finished, or failed.
            Unavailable: the transfer broke off; what came until then is no whole file.
        """
        size = 0
        async with self.passed_on(f"exports/{job.job_id}/download") as answer:
            if answer.status != 200:
                raise error_of(answer.status, await answer.text())
            try:
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    size += len(piece)
                    yield piece
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Unavailable(f"The file broke off after {size} bytes; try again.") from error
        if job.byte_size is not None and size != job.byte_size:
            raise Unavailable(f"The file broke off after {size} of {job.byte_size} bytes; try again.")
