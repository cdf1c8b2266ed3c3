"""``/api/v1/runs/{run_id}/images``: where a run's pictures are; on request, straight in the object store.

A presigned address leads to the bytes that the trap sent, EXIF included, so only who has a key gets any: see
docs/decisions/0006-stored-as-sent-stripped-when-shown.md.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from proto.errors import Conflict, NotAuthenticated
from proto.run import TrackingRun, sheet_key_of, thumbnail_key_of
from services.chassis.presigned import Presigner
from services.chassis.web import json_response
from services.query.access import PUBLIC, SETTINGS, reader_of, visible_cameras
from services.query.gone import words
from services.query.parameters import Parameters
from services.query.representations import answer
from services.query.routes_run_zip import STORE
from services.query.routes_runs import RUNS, run_id_of_path

PRESIGNER = web.AppKey("presigner", Presigner)
USUAL_S = 900
_SHOWN = ("sha256", "file_name", "content_type", "byte_size", "width", "height", "taken_at")


class NoPublicStore(Conflict):
    """The operator has not said where readers reach the object store."""

    slug, title = "no-public-store", "The object store is not open to readers"


def listing(
    run: TrackingRun, url: Callable[[str], str], thumbnail: str | None, sheet: str | None, expires_at: datetime | None
) -> dict[str, Any]:
    """Return a run's pictures with their addresses, which ``url`` makes of object keys. Plain code."""
    stored, gone = {image.sha256 for image in run.stored_images}, run.pictures_gone
    items = [
        {name: getattr(image, name) for name in _SHOWN}
        | {"url": url(image.object_key) if image.sha256 in stored else None}
        for image in run.images
    ]
    if gone is not None:
        sheet, thumbnail = None, thumbnail if gone.thumbnail_kept else None
    addresses = {"thumbnail": thumbnail, "sheet": sheet, "expires_at": expires_at}
    return {"run_id": run.run_id, "items": items, **addresses, "pictures_gone": words(run) or None}


async def run_images(request: web.Request) -> web.Response:
    """``GET /api/v1/runs/{run_id}/images``."""
    principal, settings = await reader_of(request), request.app[SETTINGS]
    parameters = Parameters(request.query, ("urls", "expires_in"))
    presigned = parameters.choice("urls", {"public": False, "presigned": True}, default=False)
    most = settings.presigned_seconds
    lifetime_s = parameters.whole("expires_in", min(USUAL_S, most), least=1, most=most)
    if presigned and principal is PUBLIC:
        raise NotAuthenticated("urls: presigned addresses lead to pictures with their metadata; they need a key.")
    if presigned and PRESIGNER not in request.app:
        raise NoPublicStore(
            "urls: there are no presigned addresses here: the operator has not set KRABBEL_S3_PUBLIC_ENDPOINT, the "
            "object store's address for readers. Without urls=presigned come addresses that always work."
        )
    run = await request.app[RUNS].one(run_id_of_path(request), visible_cameras(principal, ()))
    if not presigned:
        base = f"{settings.public_url.rstrip('/')}/api/v1"
        here = f"{base}/runs/{run.run_id}"
        shown = listing(
            run, lambda key: f"{base}/images/{key.removeprefix('runs/')}", f"{here}/thumbnail", f"{here}/sheet", None
        )
        return answer(request, shown)
    at = datetime.now(UTC).replace(microsecond=0)

    def signed(key: str) -> str:
        return request.app[PRESIGNER].url(key, at, lifetime_s)

    async def if_made(key: str) -> str | None:
        return signed(key) if await request.app[STORE].exists(key) else None

    thumbnail, sheet = await if_made(thumbnail_key_of(run.run_id)), await if_made(sheet_key_of(run.run_id))
    body = listing(run, signed, thumbnail, sheet, at + timedelta(seconds=lifetime_s))
    return json_response(body, headers={"Cache-Control": "no-store"})


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/runs/{run_id}/images", run_images)]
