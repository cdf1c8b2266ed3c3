"""``/api/v1/runs/{run_id}/images.zip``: one run's pictures; as the trap sent them, to who has a key."""

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from proto.errors import ImageNotFound
from proto.run import ImageReference, TrackingRun
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectNotFound, ObjectStore
from services.query.access import PUBLIC, reader_of, visible_cameras
from services.query.gone import refusal
from services.query.parameters import Parameters
from services.query.routes_images import PICTURES
from services.query.routes_runs import RUNS, run_id_of_path
from services.query.streaming import streamed
from services.query.zip_stream import ZipStream, distinct, safe_name

STORE = web.AppKey("store", ObjectStore)
log = get_logger(__name__)


async def _zip(run: TrackingRun, read: Callable[[ImageReference], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """Yield the ZIP: the run as JSON, then its pictures under the names that the trap gave them."""
    archive, taken = ZipStream(), {"run.json"}
    yield archive.add("run.json", run.model_dump_json(indent=1).encode(), run.sort_at)
    for image in run.stored_images:
        ending = image.object_key.rpartition(".")[2]
        name = distinct(safe_name(image.file_name, f"{image.sha256[:16]}.{ending}"), taken)
        try:
            yield archive.add(name, await read(image), image.taken_at or run.sort_at)
        except (ObjectNotFound, ImageNotFound):
            log.warning("an image is missing in the object store", object_key=image.object_key)
    yield archive.end()


async def run_zip(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/runs/{run_id}/images.zip``."""
    principal = await reader_of(request)
    Parameters(request.query, ())
    run = await request.app[RUNS].one(run_id_of_path(request), visible_cameras(principal, ()))
    if not run.stored_images:
        raise refusal(run)
    name = f"{run.local_date}_{run.camera_id}_{run.run_id[:12]}.zip"

    async def as_sent(image: ImageReference) -> bytes:
        return await request.app[STORE].get(image.object_key)

    async def without_metadata(image: ImageReference) -> bytes:
        return await request.app[PICTURES].get(run.run_id, image.sha256, image.object_key.rpartition(".")[2])

    read = without_metadata if principal is PUBLIC else as_sent
    return await streamed(request, _zip(run, read), "application/zip", file_name=name)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/runs/{run_id}/images.zip", run_zip)]
