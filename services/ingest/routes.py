"""The HTTP edge: parse, authorise, answer. What an upload is and where it goes is decided elsewhere."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from proto.camera import Heartbeat, Scope
from proto.errors import (
    BadRequest,
    InvalidUpload,
    KrabbelError,
    NotAllowed,
    NotAuthenticated,
    RunNotFound,
)
from proto.run import RunSource, RunStatus, TrackingRun
from services.chassis.auth import Principal, key_of
from services.chassis.forwarded import client_address
from services.chassis.web import json_response
from services.ingest.acceptance import RunForm, Upload, api_upload, legacy_upload, parse_run_form
from services.ingest.bodies import body_of
from services.ingest.context import CAMERAS, FAILED_KEYS, INTAKE, KNOWN_RUNS, PROXIES, REGISTRY, SETTINGS
from services.ingest.form import RUN_PART
from services.ingest.metrics import RUNS_REJECTED

RUN_ID_HEADER = "Krabbel-Run-Id"
IDEMPOTENCY_HEADER = "Idempotency-Key"
_RUN_ID = re.compile(r"[0-9a-f]{32}")
# FastAPI wrote JSON without spaces, and so does this: what deployed traps read stays the same to the byte.
LEGACY_REFUSAL = b'{"detail":"Could not validate API KEY"}'
LEGACY_SUCCESS = b'{"success":true}'


async def authenticate(request: web.Request) -> Principal:
    """Return who asks.

    Raises:
        NotAuthenticated: no valid key.
        TooManyRequests: too many wrong ones came from this address.
    """
    address = client_address(request.remote, request.headers.get("X-Forwarded-For", ""), request.app[PROXIES])
    key = key_of(request)
    failed = request.app[FAILED_KEYS]
    failed.check(address, key)
    try:
        principal = await request.app[REGISTRY].keys.admit(key)
    except NotAuthenticated:
        if key:  # a request without any key guesses nothing
            failed.failed(address)
        raise
    failed.succeeded(address, key)
    return principal


def counted(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Count refusals by their slug."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except KrabbelError as error:
            RUNS_REJECTED.labels(error.slug).inc()
            raise

    return handle


@counted
async def classify(request: web.Request) -> web.Response:
    """``POST /classify/{tracking_id}``: the request of deployed traps, unchanged."""
    try:
        principal = await authenticate(request)
        principal.require(Scope.UPLOAD)
    except (NotAuthenticated, NotAllowed) as error:
        RUNS_REJECTED.labels(error.slug).inc()
        return web.Response(body=LEGACY_REFUSAL, status=403, content_type="application/json")
    camera_id = principal.camera_id
    if camera_id is None:
        raise InvalidUpload("This key is not bound to a camera, and this endpoint has no other way to name one.")
    tracking_id = request.match_info["tracking_id"]

    def understand(fields: dict[str, str]) -> Upload:
        return legacy_upload(camera_id, tracking_id, fields)

    await request.app[INTAKE].take(request, source=RunSource.LEGACY, place=camera_id, understand=understand)
    return web.Response(body=LEGACY_SUCCESS, content_type="application/json")


@counted
async def post_run(request: web.Request) -> web.Response:
    """``POST /api/v1/runs``: one JSON part ``run`` and the images."""
    principal = await authenticate(request)
    principal.require(Scope.UPLOAD)
    expected = run_id_header(request)
    known = await known_run(request, principal)
    if known is not None:
        return _answer(known, status=200, duplicate=True)

    def understand(fields: dict[str, str]) -> Upload:
        if RUN_PART not in fields:
            raise InvalidUpload("The JSON part 'run' is missing.")
        form = parse_run_form(fields[RUN_PART].encode())
        return api_upload(_camera_of(request, principal, form), form)

    place = principal.camera_id or f"key:{principal.name}"
    idempotency = _idempotency_key(request, principal)
    accepted = await request.app[INTAKE].take(
        request, source=RunSource.API, place=place, understand=understand, expected_run_id=expected
    )
    if idempotency is not None:
        request.app[KNOWN_RUNS].remember(idempotency, accepted.run.run_id)
    try:
        async with asyncio.timeout(request.app[SETTINGS].answer_wait_seconds):
            await accepted.entry.forwarded.wait()
        status = RunStatus.QUEUED
    except TimeoutError:
        status = RunStatus.RECEIVED
    return _answer(accepted.run.model_copy(update={"status": status}), status=202, duplicate=False)


async def expect_continue(request: web.Request) -> web.Response | None:
    """Answer ``Expect: 100-continue``: with 100, unless the handler can answer without the body.

    aiohttp calls this before the middlewares, so refusals are left to the handler: it comes to the same ones, and a
    client that got no 100 has not sent its bytes for nothing.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        return web.Response(status=417)
    try:
        principal = await authenticate(request)
        principal.require(Scope.UPLOAD)
        known = await known_run(request, principal)
    except KrabbelError:
        return None
    if known is None and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return None


async def heartbeat(request: web.Request) -> web.Response:
    """``POST /api/v1/cameras/{camera_id}/heartbeat``: a camera says how it is."""
    principal = await authenticate(request)
    principal.require(Scope.UPLOAD)
    camera_id = request.match_info["camera_id"]
    if principal.camera_id not in (None, camera_id):
        raise NotAllowed(f"This key is for the camera {principal.camera_id!r} only.")
    said = await body_of(request, Heartbeat)
    await request.app[CAMERAS].heard(camera_id, said, datetime.now(UTC))
    return json_response({"camera_id": camera_id, "status": "noted"})


def run_id_header(request: web.Request) -> str | None:
    """Return the run id that the client computed, if it sends one.

    Raises:
        BadRequest: it is no run id.
    """
    value = request.headers.get(RUN_ID_HEADER)
    if value is None:
        return None
    if not _RUN_ID.fullmatch(value):
        raise BadRequest(f"{RUN_ID_HEADER} must be 32 hexadecimal digits in lower case.")
    return value


async def known_run(request: web.Request, principal: Principal) -> TrackingRun | None:
    """Return the run that the client asks about with its headers, if we have it and the key may know.

    Raises:
        RunNotFound: the request has no body, so it only asked, and we do not have it.
    """
    run_id = run_id_header(request)
    if run_id is None and (idempotency := _idempotency_key(request, principal)) is not None:
        run_id = request.app[KNOWN_RUNS].run_id(idempotency)
    run = await request.app[KNOWN_RUNS].find(run_id) if run_id is not None else None
    if run is not None and principal.camera_id in (None, run.camera_id):
        return run
    if request.content_length == 0:
        raise RunNotFound("We do not have this run. Send it.")
    return None


def _idempotency_key(request: web.Request, principal: Principal) -> str | None:
    value = request.headers.get(IDEMPOTENCY_HEADER)
    if value is None:
        return None
    if not 1 <= len(value) <= 255:
        raise BadRequest(f"{IDEMPOTENCY_HEADER} must have 1 to 255 characters.")
    return f"{principal.name}\n{principal.camera_id}\n{value}"


def _camera_of(request: web.Request, principal: Principal, form: RunForm) -> str:
    if principal.camera_id is None:
        if form.camera_id is None:
            raise InvalidUpload("This key is not bound to a camera: name one as 'camera_id' in the part 'run'.")
        request.app[REGISTRY].require_camera(form.camera_id)
        return form.camera_id
    if form.camera_id not in (None, principal.camera_id):
        raise NotAllowed(f"This key is for the camera {principal.camera_id!r} only, not {form.camera_id!r}.")
    return principal.camera_id


def _answer(run: TrackingRun, *, status: int, duplicate: bool) -> web.Response:
    self_link = f"/api/v1/runs/{run.run_id}"
    body = {
        "run_id": run.run_id,
        "camera_id": run.camera_id,
        "status": run.status.value,
        "duplicate": duplicate,
        "clock_flags": [flag.value for flag in run.clock_flags],
        "links": {"self": self_link},
        "images": [
            {
                "file_name": image.file_name,
                "sha256": image.sha256,
                "href": "/api/v1/images/" + image.object_key.removeprefix("runs/"),
            }
            for image in run.images
        ],
    }
    return json_response(body, status=status, headers={"Location": self_link})
