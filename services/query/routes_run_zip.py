"""``/api/v1/runs/{run_id}/images.zip``: one run's pictures, as the trap sent them."""

from collections.abc import AsyncIterator

from aiohttp import web

from proto.run import TrackingRun
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectNotFound, ObjectStore
from services.query.access import reader_of, visible_cameras
from services.query.parameters import Parameters
from services.query.routes_runs import RUNS, run_id_of_path
from services.query.streaming import streamed
from services.query.zip_stream import ZipStream, distinct, safe_name

STORE = web.AppKey("store", ObjectStore)
log = get_logger(__name__)


async def _zip(run: TrackingRun, store: ObjectStore) -> AsyncIterator[bytes]:
    """Yield the ZIP: the run as JSON, then its pictures under the names that the trap gave them."""
    archive, taken = ZipStream(), {"run.json"}
    yield archive.add("run.json", run.model_dump_json(indent=1).encode(), run.sort_at)
    for image in run.images:
        ending = image.object_key.rpartition(".")[2]
        name = distinct(safe_name(image.file_name, f"{image.sha256[:16]}.{ending}"), taken)
        try:
            yield archive.add(name, await store.get(image.object_key), image.taken_at or run.sort_at)
        except ObjectNotFound:
            log.warning("an image is missing in the object store", object_key=image.object_key)
    yield archive.end()


async def run_zip(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/runs/{run_id}/images.zip``."""
    principal = await reader_of(request)
    Parameters(request.query, ())
    run = await request.app[RUNS].one(run_id_of_path(request), visible_cameras(principal, ()))
    name = f"{run.local_date}_{run.camera_id}_{run.run_id[:12]}.zip"
    return await streamed(request, _zip(run, request.app[STORE]), "application/zip", file_name=name)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/runs/{run_id}/images.zip", run_zip)]
