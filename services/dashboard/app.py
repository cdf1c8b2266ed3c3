"""Wiring: Panel's server with the page, its files, health and metrics; and the feed that all sessions share."""

import asyncio
import contextvars
import gc
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from tornado.web import RequestHandler, StaticFileHandler

from krabbel.client import QueryClient
from services.chassis.forwarded import parse_networks
from services.chassis.logging import get_logger
from services.dashboard import old_addresses
from services.dashboard.account import AccountHandler
from services.dashboard.administering import ApiHandler
from services.dashboard.assets import ASSETS_PATH, STATIC
from services.dashboard.changes import ADDRESS as CHANGES_PATH
from services.dashboard.changes import ChangesHandler
from services.dashboard.doorkeeper import LOGIN, Door, Doorkeeper, guarded
from services.dashboard.feed import Feed
from services.dashboard.oidc import IdentityProvider, parse_roles
from services.dashboard.pages import account, login, now
from services.dashboard.pages.handler import PageHandler
from services.dashboard.pages.registry import PAGES
from services.dashboard.passing import PREFIX
from services.dashboard.people import PATH as PEOPLE_PATH
from services.dashboard.people import PeopleHandler
from services.dashboard.roles import Role
from services.dashboard.routes_outline import PATH as OUTLINE_PATH
from services.dashboard.routes_outline import OutlineHandler
from services.dashboard.session import open_page
from services.dashboard.sessions_client import SessionsClient
from services.dashboard.settings import DashboardSettings
from services.dashboard.signing_in import LOGOUT, SignInHandler, SignOutHandler
from services.dashboard.signing_in_oidc import BACK, OUT, ProviderBackHandler, ProviderHandler
from services.dashboard.sun import ADDRESS, SunHandler
from services.dashboard.views import Views
from services.dashboard.writing import PATH as VERIFY_PATH
from services.dashboard.writing import VerifyHandler

log = get_logger(__name__)
SESSION_LINGERS_MS = 15_000
"""A page that went away, or never came back for its websocket, is forgotten after so long."""


class _Quiet(RequestHandler):
    """Asked every few seconds: no line in the log, also where the answer is "not yet"."""

    def _log(self) -> None:
        pass


class _Health(_Quiet):
    def get(self) -> None:
        self.write({"status": "alive"})


class _Ready(_Quiet):
    """Ready once there was something to show; a query service that is away later is said here, and on the page."""

    def initialize(self, feed: Feed) -> None:
        self._feed = feed

    def get(self) -> None:
        ready = self._feed.ever_live
        self.set_status(200 if ready else 503)
        self.write({"status": "ready" if ready else "not ready", "checks": {"query": self._feed.link.value}})


class _Metrics(_Quiet):
    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(generate_latest())


class Dashboard:
    """The server and its feed."""

    def __init__(self, settings: DashboardSettings) -> None:
        key = settings.service_key.get_secret_value() if settings.service_key else ""
        self._client = QueryClient(settings.query_url, key)
        self._gateway = QueryClient(settings.ingest_url, key)
        admin_key = settings.admin_key.get_secret_value() if settings.admin_key else ""
        self._administration = QueryClient(settings.ingest_url, admin_key)
        self.feed = Feed(self._client)
        self._views = Views(self.feed)
        self._public_url = settings.public_url
        self._sessions = SessionsClient(settings.query_url, key)
        self.keeper = Doorkeeper(self._sessions, Role.READER if settings.visitor_role == "reader" else None)
        pn.config.browser_info = False  # one root less in every session
        self._tasks: list[asyncio.Task[None]] = []
        pages: dict[str, Any] = {now.PAGE.path: self._open_page}
        self._server = pn.io.server.get_server(
            pages,
            port=settings.port,
            address=settings.host,
            websocket_origin=settings.origins(),
            extra_patterns=[
                (r"/healthz", _Health),
                (r"/readyz", _Ready, {"feed": self.feed}),
                (r"/metrics", _Metrics),
                # Open to all, which Panel's own static folders are not: the sign-in needs its looks.
                (rf"{ASSETS_PATH}/(.*)", StaticFileHandler, {"path": str(STATIC)}),
                *self._routes(settings),
            ],
            title="Was krabbelt da?",
            location=False,
            cookie_secret=settings.cookie_secret.get_secret_value(),
            secret_key=settings.cookie_secret.get_secret_value().encode(),
            sign_sessions=True,
            generate_session_ids=True,
            unused_session_lifetime_milliseconds=SESSION_LINGERS_MS,
            check_unused_sessions_milliseconds=SESSION_LINGERS_MS // 3,
            keep_alive_milliseconds=15_000,
            auth_provider=Door(self.keeper),
            # The token that a page carries tells its scripts what we put into it: never a cookie that they cannot read.
            include_headers=[],
            include_cookies=[],
        )
        self._server._tornado.add_handlers(".*", old_addresses.rules())  # before all others

    def _routes(self, settings: DashboardSettings) -> list[tuple[Any, ...]]:
        """Return all that is ours, behind the doorkeeper."""
        signing_in = {
            "keeper": self.keeper,
            "sessions": self._sessions,
            "public_url": settings.public_url.rstrip("/"),
            "proxies": parse_networks(settings.trusted_proxies),
            "provider_name": (settings.oidc_name or urlsplit(settings.oidc_issuer).hostname or "")
            if settings.oidc_issuer
            else None,
        }
        shown = {"views": self._views, "public_url": settings.public_url}
        routes: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [
            (LOGIN, SignInHandler, signing_in),
            (LOGOUT, SignOutHandler, signing_in),
            (account.PAGE.path, AccountHandler, signing_in),
            (OUTLINE_PATH, OutlineHandler, {}),
            (VERIFY_PATH, VerifyHandler, {"gateway": self._gateway}),
            (PEOPLE_PATH, PeopleHandler, {"sessions": self._sessions}),
            (rf"{PREFIX}(.+)", ApiHandler, {"client": self._client, "gateway": self._administration}),
            (CHANGES_PATH, ChangesHandler, {"changes": self.feed.changes, "keeper": self.keeper}),
            (ADDRESS, SunHandler, {"state": self.feed.state}),
            *(
                (page.path, PageHandler, {"page": page, **shown})
                for page in PAGES
                if page not in (now.PAGE, login.PAGE, account.PAGE)
            ),
        ]
        if settings.oidc_issuer:
            secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
            back = settings.public_url.rstrip("/") + BACK
            provider = IdentityProvider(settings.oidc_issuer, settings.oidc_client_id, secret, back)
            out = signing_in | {"provider": provider, "roles": parse_roles(settings.oidc_roles)}
            routes += [(OUT, ProviderHandler, out), (BACK, ProviderBackHandler, out)]
        return [(path, guarded(handler, self.keeper), made_with) for path, handler, made_with in routes]

    def _open_page(self) -> None:
        open_page(self.feed, self._views, self.keeper, self._public_url)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port or 0

    def start(self) -> None:
        """Serve, and follow the query service."""
        # Documents are large cyclic graphs: by default full collections stall all sessions for a second.
        gc.set_threshold(200_000, 50, 1000)
        self._server.start()
        # An empty context: one inherited from a session would hold its document, and all others with it.
        for name, work in (("feed", self.feed.run()), ("doorkeeper", self.keeper.watch_forever())):
            self._tasks.append(asyncio.create_task(work, name=name, context=contextvars.Context()))
        log.info("dashboard serves", port=self.port)

    async def stop(self) -> None:
        """Stop following, close all pages' connections and the port."""
        self.feed.changes.close()
        for task in self._tasks:
            self.feed.stop(task)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        await self._gateway.close()
        await self._administration.close()
        await self._sessions.stop()
        self._server.stop()


def create_app(settings: DashboardSettings) -> Dashboard:
    """Return the dashboard, listening but not yet following."""
    return Dashboard(settings)
