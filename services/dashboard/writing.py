"""What pages change, handed to the gateway: only for the role it takes, and only from a page of ours.

:func:`admit` is the one place that guards writes. A page of another site can send cookies along, but neither set the
header below without asking first (which nobody here answers) nor hide where it comes from.

``POST /ui/api/verifications`` (what editors decide, under their name) is here; what administrators change is in
:mod:`services.dashboard.administering`.
"""

from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from krabbel.client import QueryClient
from proto.base import Contract
from proto.errors import BadRequest, KrabbelError, NotAllowed
from proto.problem import PROBLEM_CONTENT_TYPE, Problem
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


def from_our_form(request: HTTPServerRequest) -> bool:
    """Return whether a form was sent from a page of this dashboard, as far as the browser can say: every one that is
    in use sends one of the two headers with each form, and neither page nor frame of another site can change them."""
    headers = request.headers
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is None and origin is None:
        return False
    return site in (None, "same-origin") and (origin is None or urlsplit(origin).netloc == request.host)


def admit(request: HTTPServerRequest, wanted: Role) -> None:
    """Return if a request may write.

    Raises:
        NotAllowed: its role does not suffice, or it comes from elsewhere.
        BadRequest: it is too large.
    """
    role = role_of(request)
    if role is None or role < wanted:
        raise NotAllowed(f"This takes the role {wanted.name.lower()!r}.")
    if not from_our_page(request):
        raise NotAllowed("Changes are taken from pages of this dashboard only.")
    if len(request.body) > LARGEST_BODY:
        raise BadRequest(f"The body is larger than {LARGEST_BODY} bytes.")


def refuse(handler: RequestHandler, error: KrabbelError) -> None:
    """Answer with problem details."""
    problem = Problem(
        type=f"urn:krabbel:problem:{error.slug}", title=error.title, status=error.status, detail=str(error)
    )
    handler.set_status(error.status)
    handler.set_header("Content-Type", PROBLEM_CONTENT_TYPE)
    handler.finish(problem.model_dump_json())


class VerifyHandler(RequestHandler):
    """Takes decisions."""

    def initialize(self, gateway: QueryClient) -> None:
        """Called by tornado with what the route was made with."""
        self._gateway = gateway

    async def post(self) -> None:
        """Answer what the gateway answers."""
        try:
            admit(self.request, Role.EDITOR)
            kept = await self._gateway.verify(self._items(), name_of(self.request))
        except KrabbelError as error:
            refuse(self, error)
            return
        self.set_header("Content-Type", "application/json")
        self.finish(VerificationAnswer(items=kept).model_dump_json())

    def _items(self) -> tuple[VerificationItem, ...]:
        try:
            return Decisions.model_validate_json(self.request.body).items
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadRequest(f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}.") from error
