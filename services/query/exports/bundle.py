"""A ZIP archive of a selection's pictures and tables, for people: pictures as they come, the tables behind them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from proto.errors import ImageNotFound
from proto.run import TrackingRun
from services.query import legacy
from services.query.exports.archive import Archive, Spool
from services.query.exports.item import Batches, ExportContext, PictureReader
from services.query.exports.tables import all_lines, final_lines, predecessor_lines, predecessor_view, zones_of
from services.query.gone import words
from services.query.zip_stream import safe_name

AT_ONCE = 16
"""Pictures that are read from the store at the same time, and lie in memory together."""
TABLES = {"runs.csv": predecessor_lines, "top1_final.csv": final_lines, "top1_all.csv": all_lines}


def picture_names(run: TrackingRun, zones: legacy.Zones) -> list[tuple[str, str, str]]:
    """Return (path in the archive, SHA-256, file ending) of a run's pictures that are kept.

    Folders are the predecessor's, below the camera; the start of the run's id keeps two runs of one second apart.
    """
    found = []
    for (path, key), image in zip(legacy.file_names(predecessor_view(run), zones), run.stored_images, strict=True):
        folder, _, file = path.rpartition("/")
        name = f"images/{safe_name(run.camera_id, 'camera')}/{folder}_{run.run_id[:8]}/{file}"
        found.append((name, image.sha256, key.rpartition(".")[2]))
    return found


async def _pictures(
    read: PictureReader, run: TrackingRun, names: Sequence[tuple[str, str, str]]
) -> AsyncIterator[tuple[str, bytes | None]]:
    """Yield each picture's path and bytes; None where the store has it no more."""

    async def one(sha256: str, ending: str) -> bytes | None:
        try:
            return await read(run.run_id, sha256, ending)
        except ImageNotFound:
            return None

    for first in range(0, len(names), AT_ONCE):
        some = names[first : first + AT_ONCE]
        found = await asyncio.gather(*(one(sha256, ending) for _, sha256, ending in some))
        for (name, _, _), data in zip(some, found, strict=True):
            yield name, data


async def bundle(batches: Batches, context: ExportContext) -> AsyncGenerator[bytes, None]:
    """Yield the archive. What is not in the store (any more) is named in ``missing-images.txt``."""
    if context.picture is None:
        raise RuntimeError("this export needs a reader of pictures")
    archive, zones = Archive(context.created_at), zones_of(context)
    writers = {name: lines(context) for name, lines in TABLES.items()}
    spools = {name: Spool() for name in (*TABLES, "missing-images.txt")}
    missed = 0
    try:
        for name, writer in writers.items():
            spools[name].write(writer.begin())
        async for items in batches:
            for name, writer in writers.items():
                spools[name].write(await asyncio.to_thread(writer.add, items))
            for run, _ in items:
                if run.pictures_gone is not None:
                    missed += 1
                    spools["missing-images.txt"].write(f"{run.run_id}: {words(run)}\n".encode())
                async for path, data in _pictures(context.picture, run, picture_names(run, zones)):
                    if data is None:
                        missed += 1
                        spools["missing-images.txt"].write(f"{path}\n".encode())
                    else:
                        yield archive.stored(path, data)
        for name, spool in spools.items():
            if name in TABLES or missed:
                for piece in archive.spooled(name, spool):
                    yield piece
        yield archive.end()
    finally:
        for spool in spools.values():
            spool.close()
