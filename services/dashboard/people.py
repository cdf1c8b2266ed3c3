"""``/ui/api/people``: who may sign in, for admins. Passed on to the query service, with who asks."""

from tornado.web import RequestHandler

from proto.errors import KrabbelError, NotAllowed
from services.chassis.logging import get_logger
from services.dashboard.roles import Role, name_of, person_of, role_of
from services.dashboard.sessions_client import SessionsClient
from services.dashboard.writing import admit, refuse

PATH = r"/ui/api/people(/role|/password|/remove)?"
log = get_logger(__name__)


class PeopleHandler(RequestHandler):
    """Passes reads and changes on."""

    def initialize(self, sessions: SessionsClient) -> None:
        """Called by tornado with what the route was made with."""
        self._sessions = sessions

    async def get(self, path: str | None) -> None:
        """Answer with everybody."""
        role = role_of(self.request)
        if path is not None or role is None or role < Role.ADMIN:
            refuse(self, NotAllowed("This takes the role 'admin'."))
            return
        await self._pass_on("GET", "", None)

    async def post(self, path: str | None) -> None:
        """Pass a change on."""
        try:
            admit(self.request, Role.ADMIN)
        except KrabbelError as error:
            refuse(self, error)
            return
        status = await self._pass_on("POST", path or "", self.request.body)
        log.info("an administrator changed people", by=name_of(self.request), what=path or "/add", status=status)

    async def _pass_on(self, method: str, path: str, body: bytes | None) -> int:
        found = person_of(self.request)
        try:
            status, text = await self._sessions.people(method, path, found.token if found else "", body)
        except KrabbelError as error:
            refuse(self, error)
            return error.status
        self.set_status(status)
        self.set_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.set_header("Cache-Control", "no-store")  # a new password is in it, once
        self.finish(text or None)
        return status
