"""Prometheus metrics. Each module declares its own with the library; this one serves them and holds the shared ones.

Names follow Prometheus' conventions: ``krabbel_<service>_<what>_<unit>``; no label has unbounded values (route
patterns, never paths; no run ids).
"""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest

HTTP_REQUESTS = Counter("krabbel_http_requests_total", "Answered requests", ["service", "method", "route", "status"])
HTTP_SECONDS = Histogram(
    "krabbel_http_request_seconds",
    "Time to answer",
    ["service", "method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


async def metrics(_request: web.Request) -> web.Response:
    """Answer ``GET /metrics``."""
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
