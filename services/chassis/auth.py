"""Who asks, and may they? Keys come in ``Authorization: Bearer`` or in the deployed traps' header ``access_token``.

A :class:`KeyRing` holds all keys' hashes in memory and refreshes them every few seconds: checking costs no database
call, a revocation works within :data:`REFRESH_S` seconds, and a database that is away locks nobody out.
"""

import asyncio
import hmac
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from proto.administration import KEY_ID_DIGITS
from proto.camera import ApiKey, Scope
from proto.errors import KrabbelError, NotAllowed, NotAuthenticated
from services.chassis.cameras import Cameras, hash_key
from services.chassis.logging import get_logger

REFRESH_S = 2.0
LOOK_UP_S = 1.0
NOTE_USE = timedelta(minutes=1)
"""How exactly the last use of a key is noted: a write a minute and key, however busy it is"""
LEGACY_HEADER = "access_token"
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from. ``camera_id`` None: not bound to one camera."""

    name: str
    scopes: frozenset[Scope]
    camera_id: str | None = None
    key_id: str = ""
    """What a log may say of the key: the first digits of its hash; empty for keys of the settings"""

    def require_administrator(self) -> None:
        """Return if the principal may administer the whole system.

        Raises:
            NotAllowed: it has no scope ``admin``, or is bound to one camera.
        """
        self.require(Scope.ADMIN)
        if self.camera_id is not None:
            raise NotAllowed(
                f"This key is bound to the camera {self.camera_id!r}; administration takes one for all cameras."
            )

    def require(self, scope: Scope) -> None:
        """Return if the principal has the scope (admin has all).

        Raises:
            NotAllowed: it has not.
        """
        if scope not in self.scopes and Scope.ADMIN not in self.scopes:
            raise NotAllowed(
                f"This key has no scope {scope.value!r}; it has: {', '.join(sorted(self.scopes)) or 'none'}."
            )


def key_of(request: web.Request) -> str | None:
    """Return the key that a request carries, or None."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get(LEGACY_HEADER) or None


def _principal(key: ApiKey) -> Principal:
    return Principal(key.label or key.key_hash[:8], key.scopes, key.camera_id, key.key_hash[:KEY_ID_DIGITS])


class KeyRing:
    """All valid keys, by hash."""

    def __init__(self, cameras: Cameras, fixed: Iterable[tuple[str, Principal]] = ()) -> None:
        """``fixed``: keys from the settings (key in clear, principal); they are valid without a database."""
        self._cameras = cameras
        self._fixed = {hash_key(key): principal for key, principal in fixed}
        self._stored: dict[str, Principal] = {}
        self._used: dict[str, datetime] = {}
        self._noted: dict[str, datetime] = {}
        self.loaded = False

    def check(self, key: str | None) -> Principal:
        """Return the key's principal.

        The dictionary is searched by the key's SHA-256, so timing tells nothing of the key itself; the final
        comparison is constant-time all the same.

        Raises:
            NotAuthenticated: no key, an unknown or a revoked one.
        """
        if not key:
            raise NotAuthenticated("Send your key as 'Authorization: Bearer <key>' or in the header 'access_token'.")
        digest = hash_key(key)
        for known, principal in ((digest, self._fixed.get(digest)), (digest, self._stored.get(digest))):
            if principal is not None and hmac.compare_digest(known, digest):
                if principal.key_id:
                    self._used[digest] = datetime.now(UTC)
                return principal
        raise NotAuthenticated("This key is not known, or was revoked. `krabbel camera list` shows which are valid.")

    async def admit(self, key: str | None) -> Principal:
        """Return the key's principal, as :meth:`check`; a key that is newer than the last refresh is looked up, so that
        it works from the moment at which the operator sees it.

        Raises:
            NotAuthenticated: no key, an unknown or a revoked one (or one that cannot be looked up now).
        """
        try:
            return self.check(key)
        except NotAuthenticated:
            if not key:
                raise
            with suppress(KrabbelError, TimeoutError):
                async with asyncio.timeout(LOOK_UP_S):
                    found = await self._cameras.key(hash_key(key))
                if found is not None and found.revoked_at is None:
                    self._stored[found.key_hash] = _principal(found)
                    self._used[found.key_hash] = datetime.now(UTC)
                    return self._stored[found.key_hash]
            raise

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """Take over the stored keys, without revoked ones."""
        self._stored = {key.key_hash: _principal(key) for key in keys if key.revoked_at is None}
        self.loaded = True

    async def note_uses(self) -> None:
        """Write down which keys were used lately; what cannot be written is kept for the next time."""
        due = {
            key_hash: at
            for key_hash, at in self._used.items()
            if key_hash not in self._noted or at - self._noted[key_hash] >= NOTE_USE
        }
        if due:
            await self._cameras.keys_used(due)
            self._noted.update(due)
            for key_hash, at in due.items():
                if self._used.get(key_hash) == at:
                    del self._used[key_hash]

    async def refresh_forever(self) -> None:
        """Reload the keys until cancelled; while the database is away, the last known ones stay valid."""
        away = False
        while True:
            try:
                async with asyncio.timeout(10):
                    await self.note_uses()
                    self.replace(await self._cameras.keys())
                away = False
            except (KrabbelError, TimeoutError) as error:
                if not away:
                    log.warning("keys cannot be refreshed; the last known ones stay valid", error=str(error))
                away = True
            await asyncio.sleep(REFRESH_S)
