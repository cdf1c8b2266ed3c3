"""Finds out who asks, before any handler looks: of every request, of websockets, and again and again of open pages.

A session's token comes in a cookie that no script can read; the query service says whom it belongs to. What it said is
believed for :data:`FRESH_S` seconds, so whoever is signed out, removed or given another role loses what is lost within
five seconds, in requests as in open pages.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from proto.errors import KrabbelError, Unavailable
from proto.user import MOST_TOKENS, Who
from services.chassis.logging import get_logger
from services.dashboard.pages import frame
from services.dashboard.roles import SESSION_COOKIE, Person, Role, person, person_of, remember
from services.dashboard.sessions_client import SessionsClient
from services.dashboard.texts import language_of
from services.dashboard.writing import refuse

FRESH_S = 2.0
WATCH_S = 2.0
MOST_KEPT = 10_000
LONGEST_TOKEN = 100
LOGIN = "/login"
log = get_logger(__name__)


class Doorkeeper:
    """Knows who is signed in."""

    def __init__(self, sessions: SessionsClient, visitor: Role | None) -> None:
        """``visitor``: what those may do who are not signed in; None: nothing."""
        self._sessions = sessions
        self.visitor = Person(visitor) if visitor else None
        self._kept: OrderedDict[str, tuple[float, Who | None]] = OrderedDict()
        self._open: dict[str, set[Callable[[], None]]] = {}

    async def recognise(self, request: HTTPServerRequest) -> Person | None:
        """Find out who asks, and keep it with the request (roles.py).

        Raises:
            Unavailable: it cannot be found out now; the request counts as a visitor's.
        """
        remember(request, self.visitor)
        token = token_of(request)
        who = await self._who(token) if token else None
        if who is not None:
            remember(request, person(who, token))
        return person_of(request)

    def forget(self, token: str) -> None:
        """Ask anew the next time: the session was ended here."""
        self._kept.pop(token, None)

    def watch(self, token: str, over: Callable[[], None]) -> Callable[[], None]:
        """Call ``over`` when the session of an open page ends; return what ends the watching."""
        self._open.setdefault(token, set()).add(over)

        def leave() -> None:
            others = self._open.get(token, set())
            others.discard(over)
            if not others:
                self._open.pop(token, None)

        return leave

    async def watch_forever(self) -> None:
        """Look after the open pages until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            tokens = list(self._open)
            try:
                for at in range(0, len(tokens), MOST_TOKENS):
                    await self._look_after(tokens[at : at + MOST_TOKENS])
            except KrabbelError:
                continue  # the feed is away as well then, and nothing new is shown

    async def _look_after(self, tokens: list[str]) -> None:
        for token, who in zip(tokens, await self._sessions.known(tokens), strict=True):
            self._keep(token, who)
            if who is None:
                for over in tuple(self._open.pop(token, ())):
                    over()

    async def _who(self, token: str) -> Who | None:
        at, who = self._kept.get(token, (0.0, None))
        if time.monotonic() - at > FRESH_S:
            (who,) = await self._sessions.known([token])
            self._keep(token, who)
        return who

    def _keep(self, token: str, who: Who | None) -> None:
        self._kept[token] = (time.monotonic(), who)
        self._kept.move_to_end(token)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def token_of(request: HTTPServerRequest) -> str:
    """Return the token in a request's cookie; empty where there is none."""
    morsel = request.cookies.get(SESSION_COOKIE)
    return morsel.value[:LONGEST_TOKEN] if morsel else ""


class Door(AuthProvider):
    """The doorkeeper as Bokeh asks for one: for the page with a session, its script and its websocket."""

    def __init__(self, keeper: Doorkeeper) -> None:
        self._keeper = keeper
        super().__init__()

    @property
    def get_user_async(self) -> Any:
        """Nobody (None) is sent to sign in; a websocket of nobody's is refused."""

        async def user(handler: RequestHandler) -> Person | None:
            try:
                return await self._keeper.recognise(handler.request)
            except Unavailable:
                return self._keeper.visitor

        return user

    @property
    def get_login_url(self) -> Any:
        """Where one signs in, and comes back from."""
        return lambda handler: login_address(handler.request)


def login_address(request: HTTPServerRequest) -> str:
    """Return the address at which one signs in and then comes back to what was asked for."""
    languages = request.query_arguments.get("lang", [b""])
    language = language_of(languages[0].decode("utf-8", "replace"))
    return LOGIN + frame.address(language, {"next": request.uri or "/"})


def guarded(handler: type[RequestHandler], keeper: Doorkeeper) -> type[RequestHandler]:
    """Return the handler with the doorkeeper before it: done in one place, so that none can be without."""

    class Guarded(handler):  # type: ignore[misc, valid-type]
        async def prepare(self) -> None:
            try:
                await keeper.recognise(self.request)
            except Unavailable as error:
                if self.request.path.startswith("/ui/"):
                    refuse(self, error)
                    return
            further = super().prepare()
            if further is not None:
                await further

    Guarded.__name__ = Guarded.__qualname__ = handler.__name__
    return Guarded
