"""``POST /ui/api/verifications``: what editors decide, handed to the gateway with the service key and their name.

The one place that guards writes: who asks must have the role, and the request must come from a page of ours. A page of
another site can send cookies along, but neither set the header below without asking first (which nobody here answers)
nor hide where it comes from.
"""

from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from krabbel.client import QueryClient
from proto.base import Contract
from proto.errors import BadRequest, KrabbelError, NotAllowed
from proto.problem import Problem
from proto.verification import MOST_AT_ONCE, VerificationAnswer, VerificationItem
from services.dashboard.roles import Role, name_of, role_of

PATH = r"/ui/api/verifications"
PAGE_HEADER = "X-Krabbel-Page"
LARGEST_BODY = 64 * 1024


class Decisions(Contract):
    """What the page sends: who decided is not for the page to say."""

    items: tuple[VerificationItem, ...] = Field(min_length=1, max_length=MOST_AT_ONCE)


def from_our_page(request: HTTPServerRequest) -> bool:
    """Return whether a request comes from a page of this dashboard."""
    headers = request.headers
    site, origin = headers.get("Sec-Fetch-Site", "same-origin"), headers.get("Origin")
    same_host = origin is None or urlsplit(origin).netloc == request.host
    return headers.get(PAGE_HEADER) == "1" and site == "same-origin" and same_host


class VerifyHandler(RequestHandler):
    """Takes decisions."""

    def initialize(self, gateway: QueryClient) -> None:
        """Called by tornado with what the route was made with."""
        self._gateway = gateway

    async def post(self) -> None:
        """Answer what the gateway answers."""
        try:
            items = self._items()
            kept = await self._gateway.verify(items, name_of(self.request))
        except KrabbelError as error:
            problem = Problem(
                type=f"urn:krabbel:problem:{error.slug}", title=error.title, status=error.status, detail=str(error)
            )
            self.set_status(error.status)
            self.set_header("Content-Type", "application/problem+json")
            self.finish(problem.model_dump_json())
            return
        self.set_header("Content-Type", "application/json")
        self.finish(VerificationAnswer(items=kept).model_dump_json())

    def _items(self) -> tuple[VerificationItem, ...]:
        role = role_of(self.request)
        if role is None or role < Role.EDITOR:
            raise NotAllowed("Only editors say what a run is.")
        if not from_our_page(self.request):
            raise NotAllowed("Decisions are taken from pages of this dashboard only.")
        if len(self.request.body) > LARGEST_BODY:
            raise BadRequest(f"The body is larger than {LARGEST_BODY} bytes.")
        try:
            return Decisions.model_validate_json(self.request.body).items
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadRequest(f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}.") from error
