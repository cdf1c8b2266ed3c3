"""``/login/oidc``: out to the identity provider, and back with its word."""

import hmac
import json
from collections.abc import Mapping
from http import HTTPStatus

from proto.errors import KrabbelError, NotAllowed
from proto.user import UserRole
from services.chassis.logging import get_logger
from services.dashboard.oidc import Attempt, IdentityProvider
from services.dashboard.signing_in import SignInHandler, safe_next

OUT = "/login/oidc"
BACK = "/login/oidc/back"
ATTEMPT_COOKIE = "krabbel_sign_in"
ATTEMPT_DAYS = 10 / 60 / 24
log = get_logger(__name__)


class ProviderHandler(SignInHandler):
    """The way out. What this browser must bring back lies in a signed cookie of ten minutes."""

    def initialize(  # type: ignore[override]
        self, provider: IdentityProvider, roles: Mapping[str, UserRole], **made_with: object
    ) -> None:
        """Called by tornado with what the route was made with."""
        super().initialize(**made_with)  # type: ignore[arg-type]
        self._provider, self._roles = provider, roles

    async def get(self) -> None:
        """Send the browser to the provider."""
        attempt = Attempt.begin(safe_next(self.get_query_argument("next", "/")))
        try:
            address = await self._provider.address(attempt)
        except KrabbelError as error:
            log.warning("the identity provider cannot be used", why=error.detail)
            self._show(HTTPStatus.SERVICE_UNAVAILABLE, attempt.next, "provider_away")
            return
        self.set_signed_cookie(
            ATTEMPT_COOKIE,
            json.dumps(attempt.as_dict()),
            expires_days=ATTEMPT_DAYS,
            path=OUT,
            httponly=True,
            samesite="Lax",
            secure=self._public_url.startswith("https:"),
        )
        self.set_header("Cache-Control", "no-store")
        self.redirect(address)


class ProviderBackHandler(ProviderHandler):
    """The way back."""

    async def get(self) -> None:
        """Sign in whom the provider vouches for, in the browser that went out."""
        kept = self.get_signed_cookie(ATTEMPT_COOKIE, max_age_days=ATTEMPT_DAYS)
        self.clear_cookie(ATTEMPT_COOKIE, path=OUT)
        wanted = "/"
        try:
            if kept is None:
                raise NotAllowed("This browser did not go out, or took too long.")
            attempt = Attempt(**json.loads(kept))
            wanted = attempt.next
            if not hmac.compare_digest(self.get_query_argument("state", "").encode(), attempt.state.encode()):
                raise NotAllowed("The way back is not that of the way out.")
            code = self.get_query_argument("code", "")
            if not code:
                raise NotAllowed(f"The provider says: {self.get_query_argument('error', 'nothing')[:80]}")
            found = await self._provider.redeem(code, attempt, self._roles)
            opened = await self._sessions.open_federated(found)
        except NotAllowed as error:
            log.warning("sign-in at the identity provider refused", why=error.detail)
            self._show(HTTPStatus.FORBIDDEN, wanted, "provider_refused")
        except KrabbelError as error:
            log.warning("sign-in at the identity provider failed", why=error.detail)
            self._show(HTTPStatus.SERVICE_UNAVAILABLE, wanted, "provider_away")
        else:
            await self._enter(opened, wanted, secure=self._public_url.startswith("https:"))

    async def post(self) -> None:
        """Nothing is sent here."""
        self.send_error(405)
