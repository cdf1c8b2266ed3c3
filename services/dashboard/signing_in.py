"""``/login`` and ``/logout``: plain forms, taken from pages of ours only. Who is who is the query service's to say."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from tornado.web import RequestHandler

from proto.errors import KrabbelError, TooManyRequests, WrongSignIn
from proto.user import LONGEST_PASSWORD, OpenedSession
from services.chassis.forwarded import Network, client_address
from services.chassis.logging import get_logger
from services.dashboard.doorkeeper import LOGIN, Doorkeeper, token_of
from services.dashboard.pages import frame, login
from services.dashboard.pages.registry import PAGES
from services.dashboard.roles import SESSION_COOKIE, person_of
from services.dashboard.sessions_client import SessionsClient
from services.dashboard.texts import language_of
from services.dashboard.writing import from_our_form

LOGOUT = "/logout"
LARGEST_FORM = 16 * 1024
LONGEST_NEXT = 1000
log = get_logger(__name__)


def safe_next(wanted: str) -> str:
    """Return where to go after signing in: a page of ours, whatever an address from elsewhere says."""
    if not re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", wanted[:LONGEST_NEXT]):
        return "/"
    if urlsplit(wanted).path.rstrip("/") in (LOGIN, LOGOUT):
        return "/"
    return wanted[:LONGEST_NEXT]


class SignInHandler(RequestHandler):
    """Shows the form, and takes it."""

    def initialize(
        self,
        keeper: Doorkeeper,
        sessions: SessionsClient,
        public_url: str,
        proxies: Sequence[Network],
        provider_name: str | None = None,
    ) -> None:
        """Called by tornado with what the route was made with."""
        self._keeper, self._sessions = keeper, sessions
        self._public_url, self._proxies, self._provider_name = public_url, tuple(proxies), provider_name

    async def get(self) -> None:
        """Show the form; with why it is here to whoever is signed in already, and was sent here all the same."""
        found, wanted = person_of(self.request), safe_next(self.get_query_argument("next", ""))
        if found is None or not found.signed_in:
            self._show(HTTPStatus.OK, wanted)
        elif wanted == "/":
            self.redirect("/" + frame.address(self._language(), {}))
        else:
            self._show(HTTPStatus.FORBIDDEN, wanted, "not_allowed")

    async def post(self) -> None:
        """Take the form: sign in and go on, or say why not. What was typed as password is never sent back."""
        wanted = safe_next(self.get_body_argument("next", "/"))
        if not from_our_form(self.request) or len(self.request.body) > LARGEST_FORM:
            self._show(HTTPStatus.FORBIDDEN, wanted, "elsewhere")
            return
        if self._insecure():
            self._show(HTTPStatus.FORBIDDEN, wanted, "insecure")  # the password is known to the line already: say so
            return
        name = self.get_body_argument("name", "")[:200]
        password = self.get_body_argument("password", "", strip=False)[:LONGEST_PASSWORD]
        try:
            opened = await self._sessions.open(name, password, self._address())
        except WrongSignIn:
            self._show(HTTPStatus.UNAUTHORIZED, wanted, "wrong", name)
        except TooManyRequests as error:
            self.set_header("Retry-After", str(error.retry_after_s or 60))
            self._show(HTTPStatus.TOO_MANY_REQUESTS, wanted, "limited", name)
        except KrabbelError:
            self._show(HTTPStatus.SERVICE_UNAVAILABLE, wanted, "away", name)
        else:
            await self._enter(opened, wanted, secure=self._scheme() == "https")

    async def _enter(self, opened: OpenedSession, wanted: str, *, secure: bool) -> None:
        """Give the browser its session, and send it on."""
        await self._leave()
        self._give(opened, secure=secure)
        home = "/" + frame.address(self._language(), {})
        self.redirect(home if wanted == "/" else wanted, status=HTTPStatus.SEE_OTHER)

    def _give(self, opened: OpenedSession, *, secure: bool) -> None:
        """Give the browser its session."""
        self.set_cookie(
            SESSION_COOKIE,
            opened.token,
            expires=opened.ends_at,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=secure,
        )
        self.set_header("Cache-Control", "no-store")

    async def _leave(self) -> None:
        """End the session of before, if there was one: a browser is one person's at a time."""
        token = token_of(self.request)
        if not token:
            return
        self._keeper.forget(token)
        try:
            await self._sessions.close(token)
        except KrabbelError as error:
            log.warning("a session could not be ended; it ends unused", why=error.detail)

    def _show(self, status: HTTPStatus, wanted: str, trouble: str = "", name: str = "") -> None:
        language, found = self._language(), person_of(self.request)
        variables = frame.variables(login.PAGE, PAGES, language, found, {"next": wanted}, {}) | {
            "trouble": trouble,
            "next": wanted,
            "typed_name": name,
            "public_url": self._public_url,
            "visitors": self._keeper.visitor is not None,
            "provider_name": self._provider_name,
            "provider": "/login/oidc" + frame.address(language, {"next": wanted}),
        }
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(frame.template_of(login.PAGE.name).render(variables))

    def _language(self) -> str:
        return language_of(self.get_argument("lang", None))

    def _insecure(self) -> bool:
        """Return whether a password came unencrypted to a Krabbel that has HTTPS."""
        return self._scheme() == "http" and self._public_url.startswith("https:")

    def _scheme(self) -> str:
        """Return how the browser reached us. It says so itself with every form; else the proxy does."""
        headers = self.request.headers
        told = urlsplit(headers.get("Origin", "")).scheme or headers.get("X-Forwarded-Proto", "").rpartition(",")[2]
        return told.strip() or urlsplit(self._public_url).scheme

    def _address(self) -> str:
        forwarded = ",".join(self.request.headers.get_list("X-Forwarded-For"))
        return client_address(self.request.remote_ip, forwarded, self._proxies)


class SignOutHandler(SignInHandler):
    """Ends the session."""

    async def get(self) -> None:
        """Signing out takes a form: a picture's address on another site must not do it."""
        self.redirect("/" + frame.address(self._language(), {}))

    async def post(self) -> None:
        """Sign out, and go to the start."""
        if not from_our_form(self.request):
            self._show(HTTPStatus.FORBIDDEN, "/", "elsewhere")
            return
        await self._leave()
        self.clear_cookie(SESSION_COOKIE, path="/")
        self.set_header("Cache-Control", "no-store")
        self.redirect("/" + frame.address(self._language(), {}), status=HTTPStatus.SEE_OTHER)
