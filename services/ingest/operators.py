"""Who administers: the right it takes, and the line in the log that says who did what."""

from aiohttp import web

from services.chassis.auth import Principal
from services.chassis.logging import get_logger
from services.ingest.routes import authenticate

log = get_logger(__name__)


async def administrator(request: web.Request) -> Principal:
    """Return who asks, an administrator.

    Raises:
        NotAuthenticated: no valid key.
        NotAllowed: the key has no scope ``admin``, or is bound to one camera.
        TooManyRequests: too many wrong keys came from this address.
    """
    principal = await authenticate(request)
    principal.require_administrator()
    return principal


def note(principal: Principal, what: str, **details: object) -> None:
    """Say in the log what an operator did. Who stood behind the dashboard's key is in the dashboard's log."""
    log.info("operator's order", what=what, by=principal.name, key_id=principal.key_id or None, **details)
