"""Who may read what: keys, the public, and keys that are bound to one camera."""

from collections.abc import Iterable

from aiohttp import web

from proto.camera import Scope
from proto.errors import NotAllowed
from services.chassis.auth import KeyRing, Principal, key_of
from services.chassis.cameras import slug
from services.query.settings import QuerySettings

KEY_RING = web.AppKey("key_ring", KeyRing)
SETTINGS = web.AppKey("settings", QuerySettings)
AS = "Krabbel-As"
PUBLIC = Principal("public", frozenset({Scope.READ}))


def fixed_principals(settings: QuerySettings) -> Iterable[tuple[str, Principal]]:
    """Yield the keys that the settings name; they are valid without a database."""
    if settings.service_key and settings.service_key.get_secret_value():
        yield settings.service_key.get_secret_value(), Principal("service", frozenset({Scope.READ, Scope.ADMIN}))
    if settings.api_key and settings.api_key.get_secret_value():
        scopes = frozenset({Scope.UPLOAD, Scope.READ})
        yield settings.api_key.get_secret_value(), Principal("api-key", scopes, slug(settings.camera_name))


async def reader_of(request: web.Request) -> Principal:
    """Return who reads.

    Raises:
        NotAuthenticated: no valid key, and reading is not public.
        NotAllowed: the key may upload but not read.
    """
    key = key_of(request)
    if key is None and request.app[SETTINGS].public_read:
        return PUBLIC
    principal = await request.app[KEY_RING].admit(key)
    principal.require(Scope.READ)
    # Who passes on the questions of people without a key, as the dashboard does, asks for no more than those may see.
    return PUBLIC if request.headers.get(AS) == PUBLIC.name else principal


async def administrator_of(request: web.Request) -> Principal:
    """Return who reads what only operators may.

    Raises:
        NotAuthenticated: no valid key.
        NotAllowed: the key has no scope ``admin``, or is bound to one camera, or passes on a question of the public.
    """
    principal = await reader_of(request)
    principal.require_administrator()
    return principal


def visible_cameras(principal: Principal, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cameras to read of those ``wanted`` (none wanted: all); a key of one camera reads that one.

    Raises:
        NotAllowed: the key is bound to another camera.
    """
    if principal.camera_id is None:
        return wanted
    if any(camera != principal.camera_id for camera in wanted):
        raise NotAllowed(f"camera: this key reads only the camera {principal.camera_id!r}.")
    return (principal.camera_id,)
