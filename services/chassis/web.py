"""The HTTP edge that all services share: request ids, problem details, access log, metrics, health, start and stop."""

import asyncio
import gc
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from proto.errors import BadRequest, KrabbelError, NotAuthenticated
from proto.problem import PROBLEM_CONTENT_TYPE, Problem
from services.chassis import tracing
from services.chassis.logging import configure_logging, get_logger
from services.chassis.metrics import HTTP_REQUESTS, HTTP_SECONDS, metrics
from services.chassis.settings import ServiceSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ReadyCheck = Callable[[], Awaitable[None]]
"""Raises, with a message for people, while a dependency is away."""

REQUEST_ID = "X-Request-ID"
SERVICE = web.AppKey("service", str)
READY_CHECKS: web.AppKey[dict[str, ReadyCheck]] = web.AppKey("ready_checks", dict)
READY_NOTES: web.AppKey[dict[str, Callable[[], str]]] = web.AppKey("ready_notes", dict)
"""Said in the answer of /readyz and deciding nothing: what a service can do without."""
_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{8,80}")
log = get_logger(__name__)


def json_response(body: BaseModel | Mapping[str, Any] | list[Any], status: int = 200, **kwargs: Any) -> web.Response:
    """Answer JSON; models by pydantic, everything else as pydantic would."""
    if isinstance(body, BaseModel):
        text = body.model_dump_json()
    else:
        from pydantic_core import to_json

        text = to_json(body).decode()
    return web.Response(text=text, status=status, content_type="application/json", **kwargs)


def problem_response(error: KrabbelError, path: str, request_id: str) -> web.Response:
    """Return the RFC 9457 answer for an error, with Retry-After where waiting helps."""
    problem = Problem(
        type=f"urn:krabbel:problem:{error.slug}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=path,
        request_id=request_id,
    )
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 408:
        headers["Connection"] = "close"  # RFC 9110: the rest of a slow request is not waited for
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="krabbel"'
    return web.Response(
        text=problem.model_dump_json(exclude_none=True),
        status=error.status,
        content_type=PROBLEM_CONTENT_TYPE,
        headers=headers,
    )


def _as_krabbel_error(error: Exception, request_id: str) -> KrabbelError:
    """Translate whatever a handler raised; what we did not foresee is a 500 that tells the id and nothing else."""
    if isinstance(error, KrabbelError):
        return error
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        return BadRequest(f"{place}: {first['msg']} (got {str(first.get('input'))[:80]!r})")
    if isinstance(error, web.HTTPException):
        translated = KrabbelError(error.text or error.reason)
        translated.status, translated.slug, translated.title = error.status, f"http-{error.status}", error.reason
        return translated
    log.error("request failed", exc_info=error)
    return KrabbelError(
        f"This is our fault. Tell the operator the id {request_id}: it is in the logs.", retry_after_s=10
    )


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id, turn errors into problem details, log and count."""
    given = request.headers.get(REQUEST_ID, "")
    request_id = given if _ID_PATTERN.fullmatch(given) else uuid.uuid4().hex
    started = time.perf_counter()
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            raise
        except web.HTTPRedirection:
            raise
        except Exception as error:
            response = problem_response(_as_krabbel_error(error, request_id), request.path, request_id)
        if not response.prepared:
            response.headers[REQUEST_ID] = request_id
        seconds = time.perf_counter() - started
        service = request.app.get(SERVICE, "unknown")
        HTTP_REQUESTS.labels(service, request.method, route, response.status).inc()
        HTTP_SECONDS.labels(service, request.method, route).observe(seconds)
        if route not in ("/healthz", "/readyz", "/metrics"):
            line = log.warning if response.status >= 500 else log.info
            line("answered", method=request.method, route=route, status=response.status, ms=round(seconds * 1000, 1))
    return response


async def _healthz(_request: web.Request) -> web.Response:
    return json_response({"status": "alive"})


async def _readyz(request: web.Request) -> web.Response:
    """Ask every dependency, at most 3 s each; 503 names those that are away."""

    async def ask(check: ReadyCheck) -> str:
        try:
            async with asyncio.timeout(3):
                await check()
        except Exception as error:
            return f"away: {type(error).__name__}"
        return "ok"

    checks = request.app[READY_CHECKS]
    answers = dict(zip(checks, await asyncio.gather(*(ask(check) for check in checks.values())), strict=True))
    status = 200 if all(answer == "ok" for answer in answers.values()) else 503
    body: dict[str, Any] = {"status": "ready" if status == 200 else "not ready", "checks": answers}
    if notes := request.app[READY_NOTES]:
        body["notes"] = {name: note() for name, note in notes.items()}
    return json_response(body, status=status)


def new_app(service: str, *, client_max_size: int = 1024**2) -> web.Application:
    """Return an application with the shared middleware and ``/healthz``, ``/readyz``, ``/metrics``.

    Register dependencies of readiness in ``app[READY_CHECKS]``.
    """
    app = web.Application(middlewares=[edge], client_max_size=client_max_size)
    app[SERVICE] = service
    app[READY_CHECKS] = {}
    app[READY_NOTES] = {}
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", metrics)
    return app


def spare_the_collector() -> None:
    """Never look again at what was made at the start, and look at the rest more rarely.

    A full collection of a loaded service stops its loop for 50 ms and more; the small ones, after every 700 objects,
    cost as much as half of reading a batch of runs, which hold no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _started(_app: web.Application) -> None:
    spare_the_collector()


def run(service: str, settings: ServiceSettings, create: Callable[[], web.Application]) -> None:
    """Run a service until SIGTERM or SIGINT, then finish what is under way within ``settings.shutdown_s``."""
    configure_logging(service, settings)
    try:
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    tracing.set_up(service, settings)
    try:
        app = create()
        app.on_startup.append(_started)
        web.run_app(
            app,
            host=settings.host,
            port=settings.port,
            access_log=None,
            print=lambda *_: None,
            shutdown_timeout=settings.shutdown_s,
            loop=loop,
        )
    finally:
        tracing.shut_down()
