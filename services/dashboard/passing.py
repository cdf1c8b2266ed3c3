"""``/ui/api/...``: reads that pages pass on to the query service. The key stays here; a browser never sees one.

What may be asked is listed, with the role it takes. Answers are passed on as they come: status, body, caching.
"""

import re

from tornado.web import RequestHandler

from krabbel.client import QueryClient
from proto.errors import KrabbelError
from services.dashboard.roles import Role, role_of

PREFIX = "/ui/api/"
RUN = "[0-9a-f]{32}"
READS: tuple[tuple[str, Role], ...] = (
    (rf"runs(/{RUN}(/(thumbnail|sheet|images\.zip))?)?", Role.READER),
    (r"days|cameras|status|taxonomy", Role.READER),
    (r"stats/[a-z-]+", Role.READER),
    (r"stories", Role.READER),
    (r"models|system|keys|dead|retention|reclassifications", Role.ADMIN),
    (r"exports(/[\w.-]+){0,2}", Role.ADMIN),
)
ASKED_HEADERS = ("Accept", "If-None-Match")
ANSWERED_HEADERS = ("Content-Type", "Content-Disposition", "ETag", "Cache-Control", "Retry-After", "Link")


def role_for(path: str) -> Role | None:
    """Return the role that may read a path of the API; None for what nobody may through the dashboard."""
    return next((role for pattern, role in READS if re.fullmatch(pattern, path)), None)


class ReadHandler(RequestHandler):
    """Passes one read on."""

    def initialize(self, client: QueryClient) -> None:
        """Called by tornado with what the route was made with."""
        self._client = client

    async def get(self, path: str) -> None:
        """Answer what the query service answers."""
        wanted, role = role_for(path), role_of(self.request)
        if wanted is None:
            self._problem(404, "not-found", "There is no such thing")
        elif role is None or role < wanted:
            self._problem(403, "forbidden", "This sign-in does not allow that")
        else:
            await self._pass_on(path, as_public=role < Role.EDITOR)

    async def _pass_on(self, path: str, *, as_public: bool) -> None:
        asked = {name: self.request.headers[name] for name in ASKED_HEADERS if name in self.request.headers}
        if as_public:
            asked["Krabbel-As"] = "public"  # our key sees exact places and pictures with their metadata: readers do not
        try:
            async with self._client.passed_on(path, self.request.query, asked) as answer:
                self.set_status(answer.status)
                for name in ANSWERED_HEADERS:
                    if name in answer.headers:
                        self.set_header(name, answer.headers[name])
                async for chunk in answer.content.iter_chunked(65536):
                    self.write(chunk)
                    await self.flush()
        except KrabbelError as error:
            if self._headers_written:
                raise  # the connection ends: half an answer must not look whole
            self._problem(503, "unavailable", str(error))

    def _problem(self, status: int, slug: str, title: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/problem+json")
        self.finish(f'{{"type":"urn:krabbel:problem:{slug}","title":"{title}","status":{status}}}')
