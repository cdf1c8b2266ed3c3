"""``/internal/people``: what admins see and change of people, asked by the dashboard with the service key.

The dashboard sends the token of who asks: whether that is an admin now is decided here, and what was changed stands in
the log with who did it. Ids are sent in bodies: those of an identity provider hold slashes.
"""

from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from proto.base import Contract
from proto.errors import BadRequest, NotAllowed, OwnAccount, SessionEnded
from proto.user import MadePassword, NewPerson, OtherRole, People, ThisPerson, UserRole, Who
from services.chassis.logging import get_logger
from services.chassis.passwords import generated
from services.chassis.web import json_response
from services.query.routes_internal import NOT_KEPT, PASSWORDS, SESSIONS, TOKEN, USERS, require_service

Shape = TypeVar("Shape", bound=Contract)
log = get_logger(__name__)


async def admin_of(request: web.Request) -> Who:
    """Return the admin who asks through the dashboard.

    Raises:
        NotAuthenticated: no service of ours passes this on.
        SessionEnded: nobody is signed in with this token.
        NotAllowed: it is no admin.
    """
    require_service(request)
    (who,) = await request.app[SESSIONS].known([request.headers.get(TOKEN, "")])
    if who is None:
        raise SessionEnded("Sign in again.")
    if who.role is not UserRole.ADMIN:
        raise NotAllowed("This takes the role 'admin'.")
    return who


async def _body(request: web.Request, shape: type[Shape]) -> Shape:
    try:
        return shape.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}.") from error


def _another(admin: Who, user_id: str) -> None:
    """Return if it is somebody else: one's own session is not lost, nor one's own role, by a slip.

    Raises:
        OwnAccount: it is the admin who asks.
    """
    if user_id == admin.user_id:
        raise OwnAccount("This is your own account: another admin can change it, or `krabbel user`.")


async def list_people(request: web.Request) -> web.Response:
    """``GET /internal/people``: everybody, by name."""
    admin = await admin_of(request)
    everybody = await request.app[USERS].all()
    return json_response(People(items=tuple(everybody), you=admin.user_id), headers=NOT_KEPT)


async def add_person(request: web.Request) -> web.Response:
    """``POST /internal/people``: somebody new, with a password that is told once."""
    admin, wanted = await admin_of(request), await _body(request, NewPerson)
    password = generated()
    user = await request.app[USERS].add(wanted.name, wanted.role, await request.app[PASSWORDS].hash(password))
    log.info("a person was added", user=user.user_id, role=user.role.value, by=admin.user_id)
    return json_response(MadePassword(name=user.name, password=password), status=201, headers=NOT_KEPT)


async def set_role(request: web.Request) -> web.Response:
    """``POST /internal/people/role``: another role; the person has to sign in again."""
    admin, wanted = await admin_of(request), await _body(request, OtherRole)
    _another(admin, wanted.user_id)
    await request.app[USERS].set_role(wanted.user_id, wanted.role)
    log.info("a person has another role", user=wanted.user_id, role=wanted.role.value, by=admin.user_id)
    return web.Response(status=204)


async def new_password(request: web.Request) -> web.Response:
    """``POST /internal/people/password``: a new password, told once; the old one is void."""
    admin, wanted = await admin_of(request), await _body(request, ThisPerson)
    _another(admin, wanted.user_id)
    password = generated()
    await request.app[USERS].set_password(wanted.user_id, await request.app[PASSWORDS].hash(password))
    log.info("a person has a new password", user=wanted.user_id, by=admin.user_id)
    return json_response(MadePassword(name=wanted.user_id, password=password), headers=NOT_KEPT)


async def remove_person(request: web.Request) -> web.Response:
    """``POST /internal/people/remove``: what the person decided keeps the name."""
    admin, wanted = await admin_of(request), await _body(request, ThisPerson)
    _another(admin, wanted.user_id)
    await request.app[USERS].remove(wanted.user_id)
    log.info("a person was removed", user=wanted.user_id, by=admin.user_id)
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/internal/people", list_people),
        web.post("/internal/people", add_person),
        web.post("/internal/people/role", set_role),
        web.post("/internal/people/password", new_password),
        web.post("/internal/people/remove", remove_person),
    ]
