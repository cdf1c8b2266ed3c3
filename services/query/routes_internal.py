"""``/internal/…``: what only the dashboard asks, with the service key. No proxy leads here (deploy/Caddyfile)."""

import asyncio
import hmac
from datetime import timedelta

from aiohttp import web
from pydantic import ValidationError

from proto.errors import BadRequest, KrabbelError, NotAuthenticated, Unavailable
from proto.user import MOST_TOKENS, FederatedSignIn, PasswordChange, SessionsAsked, SessionsKnown, SignIn
from services.chassis.auth import key_of
from services.chassis.database import Database
from services.chassis.logging import get_logger
from services.chassis.passwords import Passwords, acceptable
from services.chassis.sessions import Sessions
from services.chassis.users import FIRST_ADMIN, Users
from services.chassis.web import json_response
from services.query.access import SETTINGS
from services.query.settings import QuerySettings
from services.query.sign_in import SIGN_INS, SignInDesk

TOKEN = "Krabbel-Session"  # noqa: S105
SESSIONS = web.AppKey("sessions", Sessions)
USERS = web.AppKey("users", Users)
PASSWORDS = web.AppKey("passwords", Passwords)
DESK = web.AppKey("sign_in_desk", SignInDesk)
NOT_KEPT = {"Cache-Control": "no-store"}
log = get_logger(__name__)


def open_desk(app: web.Application, database: Database, settings: QuerySettings) -> None:
    """Put into the application what the handlers here use."""
    app[USERS] = users = Users(database)
    app[PASSWORDS] = passwords = Passwords()
    idle, longest = timedelta(hours=settings.session_idle_hours), timedelta(days=settings.session_days)
    app[SESSIONS] = sessions = Sessions(database, idle, longest)
    app[DESK] = SignInDesk(users, sessions, passwords, settings.sign_in_failures)


async def make_first_admin(database: Database, settings: QuerySettings) -> None:
    """Make the first admin where the settings bring a password, as soon as the database is there."""
    given = settings.admin_password.get_secret_value() if settings.admin_password else ""
    if not given:
        return
    while True:
        try:
            hashed = await Passwords().hash(acceptable(given, FIRST_ADMIN))
            if await Users(database).ensure_first_admin(hashed):
                log.info("the first user was made, with the password in the settings", user=FIRST_ADMIN)
        except Unavailable:
            await asyncio.sleep(2)
        except KrabbelError as error:
            log.error("the first user was not made", why=error.detail)
            return
        else:
            return


def require_service(request: web.Request) -> None:
    """Return where a service of ours asks.

    Raises:
        NotAuthenticated: it is somebody else, be it with an admin's key.
    """
    key, wanted = key_of(request) or "", request.app[SETTINGS].service_key
    known = wanted.get_secret_value() if wanted else ""
    if not known or not hmac.compare_digest(key.encode("utf-8", "surrogateescape"), known.encode()):
        raise NotAuthenticated("Only services of this Krabbel ask here, with the service key.")


async def open_session(request: web.Request) -> web.Response:
    """``POST /internal/sessions``: sign in."""
    require_service(request)
    try:
        wanted = SignIn.model_validate_json(await request.read() or b"{}")
    except ValidationError:
        # Without the cause: it quotes what was sent, and that is a password.
        raise BadRequest("Send name, password and address, none of them too long.") from None
    opened = await request.app[DESK].open(wanted)
    return json_response(opened, status=201, headers=NOT_KEPT)


async def open_federated(request: web.Request) -> web.Response:
    """``POST /internal/sessions/federated``: sign in whom an identity provider vouched for, before the dashboard."""
    require_service(request)
    wanted = FederatedSignIn.model_validate_json(await request.read() or b"{}")
    document = await request.app[USERS].admit_federated(wanted.subject, wanted.name, wanted.role)
    opened = await request.app[SESSIONS].open(document)
    await request.app[USERS].signed_in(document["_id"])
    SIGN_INS.labels("federated").inc()
    log.info("signed in at the identity provider", user=document["_id"], role=wanted.role.value)
    return json_response(opened, status=201, headers=NOT_KEPT)


async def change_password(request: web.Request) -> web.Response:
    """``POST /internal/sessions/password``: another password for who is signed in, and a new session."""
    require_service(request)
    try:
        wanted = PasswordChange.model_validate_json(await request.read() or b"{}")
    except ValidationError:
        raise BadRequest("Send token, current, new and address, none of them too long.") from None
    return json_response(await request.app[DESK].change_password(wanted), headers=NOT_KEPT)


async def check_sessions(request: web.Request) -> web.Response:
    """``POST /internal/sessions/check``: whom tokens belong to. Tokens are sent in bodies: no log ever has them."""
    require_service(request)
    try:
        asked = SessionsAsked.model_validate_json(await request.read() or b"{}")
    except ValidationError:
        raise BadRequest(f"tokens: send 1 to {MOST_TOKENS} of them.") from None
    items = await request.app[SESSIONS].known(asked.tokens)
    return json_response(SessionsKnown(items=tuple(items)), headers=NOT_KEPT)


async def close_session(request: web.Request) -> web.Response:
    """``DELETE /internal/sessions`` with the token in a header: sign out."""
    require_service(request)
    await request.app[SESSIONS].close(request.headers.get(TOKEN, ""))
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.post("/internal/sessions", open_session),
        web.post("/internal/sessions/federated", open_federated),
        web.post("/internal/sessions/password", change_password),
        web.post("/internal/sessions/check", check_sessions),
        web.delete("/internal/sessions", close_session),
    ]
