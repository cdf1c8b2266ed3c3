"""Keys, cameras and models: what operators change. All of it takes a key with the scope ``admin`` for all cameras."""

from contextlib import suppress

from aiohttp import web

from proto.administration import CameraChange, IssuedKey, NewCamera, NewKey, key_info
from proto.errors import KrabbelError
from services.chassis.cameras import camera_of, hash_key
from services.chassis.models import Models
from services.chassis.web import json_response
from services.ingest.bodies import body_of
from services.ingest.context import CAMERAS, REGISTRY
from services.ingest.operators import administrator, note

MODELS = web.AppKey("models", Models)
DEFAULT_MODEL = "default"
NEVER_KEPT = {"Cache-Control": "no-store"}


async def issue_key(request: web.Request) -> web.Response:
    """``POST /api/v1/keys``: answers the key, once."""
    principal = await administrator(request)
    wanted = await body_of(request, NewKey)
    cameras = request.app[CAMERAS]
    if wanted.camera_id is not None:
        await cameras.get(wanted.camera_id)
    secret = await cameras.issue_key(wanted.scopes, wanted.camera_id, wanted.name)
    stored = await cameras.key(hash_key(secret))
    assert stored is not None  # noqa: S101 - just written, with write concern majority
    shown = key_info(stored)
    scopes = ",".join(shown.scopes)
    note(principal, "key issued", subject=shown.id, name=shown.name, scopes=scopes, camera_id=shown.camera_id)
    issued = IssuedKey(**shown.model_dump(), key=secret)
    return json_response(issued, status=201, headers=NEVER_KEPT)


async def revoke_key(request: web.Request) -> web.Response:
    """``DELETE /api/v1/keys/{key_id}``: all services obey within five seconds."""
    principal = await administrator(request)
    revoked = key_info(await request.app[CAMERAS].revoke_key(request.match_info["key_id"]))
    note(principal, "key revoked", subject=revoked.id, name=revoked.name, camera_id=revoked.camera_id)
    return json_response(revoked)


async def add_camera(request: web.Request) -> web.Response:
    """``POST /api/v1/cameras``."""
    principal = await administrator(request)
    camera = camera_of(await body_of(request, NewCamera))
    await request.app[CAMERAS].add(camera)
    await _tell_the_gateway(request)  # its first upload may come at once
    note(principal, "camera added", camera_id=camera.camera_id)
    return json_response(await request.app[CAMERAS].get(camera.camera_id), status=201)


async def change_camera(request: web.Request) -> web.Response:
    """``PATCH /api/v1/cameras/{camera_id}``."""
    principal = await administrator(request)
    change = await body_of(request, CameraChange)
    camera = await request.app[CAMERAS].change(request.match_info["camera_id"], change)
    await _tell_the_gateway(request)
    changed = ",".join(sorted(change.model_fields_set))
    note(principal, "camera changed", camera_id=camera.camera_id, fields=changed)
    return json_response(camera)


async def _tell_the_gateway(request: web.Request) -> None:
    """Let this process know cameras anew. What is stored is stored: should this fail, it happens seconds later."""
    with suppress(KrabbelError, OSError):
        await request.app[REGISTRY].refresh()


async def activate_model(request: web.Request) -> web.Response:
    """``POST /api/v1/models/{model_id}/activate``; ``default`` is the file in each worker's settings."""
    principal = await administrator(request)
    named = request.match_info["model_id"]
    model_id = None if named == DEFAULT_MODEL else named
    await request.app[MODELS].activate(model_id)
    note(principal, "model activated", model_id=named)
    return json_response({"active": model_id})


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.post("/api/v1/keys", issue_key),
        web.delete("/api/v1/keys/{key_id:[0-9a-f]{12}}", revoke_key),
        web.post("/api/v1/cameras", add_camera),
        web.patch("/api/v1/cameras/{camera_id}", change_camera),
        web.post("/api/v1/models/{model_id:[^/]+}/activate", activate_model),
    ]
