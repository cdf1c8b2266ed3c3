"""``/ui/api/...``: what administrators change, passed on to the service that does it. The keys stay here.

What may be asked is listed. The gateway is asked with a key of its own (``KRABBEL_ADMIN_KEY``), which only it and the
dashboard know; the query service, which makes exports, with the key that everything is read with.
"""

import re
from urllib.parse import quote

from krabbel.client import QueryClient
from proto.errors import KrabbelError, NotFound, Unavailable
from services.chassis.logging import get_logger
from services.dashboard.passing import ANSWERED_HEADERS, ReadHandler
from services.dashboard.roles import Role, name_of
from services.dashboard.writing import admit, refuse

GATEWAY, QUERY = "gateway", "query"
WRITES: tuple[tuple[str, str, str], ...] = (
    ("POST", r"cameras", GATEWAY),
    ("PATCH", r"cameras/[a-z0-9-]{1,64}", GATEWAY),
    ("POST", r"keys", GATEWAY),
    ("DELETE", r"keys/[0-9a-f]{12}", GATEWAY),
    ("POST", r"dead/replay|dead/[0-9a-f]{8}/replay", GATEWAY),
    ("DELETE", r"dead/[0-9a-f]{8}", GATEWAY),
    ("POST", r"models/(default|[^/@\s]{1,120}@[^/@\s]{1,60})/activate", GATEWAY),
    ("PUT", r"retention", GATEWAY),
    ("POST", r"reclassifications(/[0-9a-f]{8}/(pause|resume))?", GATEWAY),
    ("POST", r"exports", QUERY),
)
log = get_logger(__name__)


def upstream_of(method: str, path: str) -> str | None:
    """Return which service takes a change; None for what nobody may change through the dashboard."""
    return next((name for verb, pattern, name in WRITES if verb == method and re.fullmatch(pattern, path)), None)


class ApiHandler(ReadHandler):
    """Passes reads on, and what administrators change."""

    def initialize(self, client: QueryClient, gateway: QueryClient) -> None:  # type: ignore[override]
        """Called by tornado with what the route was made with."""
        super().initialize(client)
        self._upstreams = {GATEWAY: gateway, QUERY: client}

    async def post(self, path: str) -> None:
        """Pass a change on."""
        await self._change(path)

    async def put(self, path: str) -> None:
        """Pass a change on."""
        await self._change(path)

    async def patch(self, path: str) -> None:
        """Pass a change on."""
        await self._change(path)

    async def delete(self, path: str) -> None:
        """Pass a change on."""
        await self._change(path)

    async def _change(self, path: str) -> None:
        method = self.request.method or ""
        try:
            admit(self.request, Role.ADMIN)
            name = upstream_of(method, path)
            if name is None:
                raise NotFound("There is nothing here that could be changed so.")
            status, headers, body = await self._ask(self._upstreams[name], method, path)
        except KrabbelError as error:
            refuse(self, error)
            return
        log.info("an administrator changed something", by=name_of(self.request), what=f"{method} {path}", status=status)
        self.set_status(status)
        for header, value in headers.items():
            self.set_header(header, value)
        self.set_header("Cache-Control", "no-store")  # a new key is in it, once
        self.finish(body or None)

    async def _ask(self, upstream: QueryClient, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        sent = {"Content-Type": "application/json", "Accept": "application/json"}
        body = self.request.body or None
        async with upstream.passed_on(quote(path, safe="/@"), self.request.query, sent, method=method, body=body) as (
            answer
        ):
            if answer.status == 401:
                raise Unavailable("The gateway does not know the dashboard's key for changes (KRABBEL_ADMIN_KEY).")
            kept = {name: answer.headers[name] for name in ANSWERED_HEADERS if name in answer.headers}
            return answer.status, kept, await answer.read()
