"""An identity provider (OpenID Connect, authorization code flow with PKCE): where one signs in, and what it said.

joserfc checks signatures and claims. Authlib's own client wants an HTTP library that nothing else here needs, and
Panel's provider keeps what the provider said in cookies, where nothing can revoke it (docs/decisions/0025).
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from proto.errors import NotAllowed, Unavailable
from proto.user import FederatedSignIn, UserRole

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Never ``none``, and none with a shared secret: a public key must not be taken for one."""
LEEWAY_S = 60
TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=3)
LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one sign-in in one browser knows, from its way out to its way back."""

    state: str
    nonce: str
    verifier: str
    next: str

    @classmethod
    def begin(cls, wanted: str) -> "Attempt":
        """Return a fresh one that leads to ``wanted``."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), wanted)

    def as_dict(self) -> dict[str, str]:
        """Return what a cookie keeps."""
        return asdict(self)


def parse_roles(text: str) -> dict[str, UserRole]:
    """Return roles by address or ``@domain``, lower case.

    Raises:
        ValueError: a part is no ``address=role``.
    """
    roles = {}
    for part in text.replace(",", " ").split():
        who, _, role = part.rpartition("=")
        if "@" not in who:
            raise ValueError(f"KRABBEL_OIDC_ROLES: {part!r} is not like anna@example.org=admin or @example.org=editor")
        roles[who.casefold()] = UserRole(role)
    return roles


def role_for(claims: Mapping[str, Any], roles: Mapping[str, UserRole]) -> UserRole:
    """Return what somebody may do, by an address that the provider has verified.

    Raises:
        NotAllowed: nothing.
    """
    email = str(claims.get("email") or "").casefold()
    if claims.get("email_verified") not in (True, "true") or email.count("@") != 1:
        raise NotAllowed("The identity provider names no verified address.")
    role = roles.get(email) or roles.get("@" + email.partition("@")[2])
    if role is None:
        raise NotAllowed("This address may not sign in here.")
    return role


class IdentityProvider:
    """One provider, and how it knows us."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, redirect_uri: str) -> None:
        """Nothing is asked yet.

        Raises:
            ValueError: the issuer's address is not safe.
        """
        parts = urlsplit(issuer)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError(f"KRABBEL_OIDC_ISSUER: {issuer!r} is no https address")
        self._issuer, self._client_id, self._client_secret = issuer, client_id, client_secret
        self._redirect_uri = redirect_uri
        self._about: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    async def address(self, attempt: Attempt) -> str:
        """Return where the browser goes.

        Raises:
            Unavailable: the provider does not answer.
        """
        about = await self._described()
        challenge = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        target = str(about["authorization_endpoint"])
        return f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(query)}"

    async def redeem(self, code: str, attempt: Attempt, roles: Mapping[str, UserRole]) -> FederatedSignIn:
        """Return who came back with this code.

        Raises:
            NotAllowed: the provider did not say so, or not for us, or not now; or the person may do nothing here.
            Unavailable: the provider does not answer.
        """
        about = await self._described()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {}
        methods = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" in methods:
            pair = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret)}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        answer = await _fetch("POST", str(about["token_endpoint"]), data=form, headers=headers)
        claims = await self._verified(str(answer.get("id_token") or ""), attempt.nonce)
        role = role_for(claims, roles)
        name = str(claims.get("name") or claims.get("preferred_username") or "").strip()
        return FederatedSignIn(
            subject=f"{self._issuer}#{claims['sub']}"[:500],
            name=(name or str(claims["email"]).partition("@")[0] or "?")[:120],
            role=role,
        )

    async def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of a token that the provider signed for us, for this attempt, and just now."""
        wanted = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = (await self._decoded(token)).claims
            wanted.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise NotAllowed(f"The identity provider's word cannot be trusted ({type(error).__name__}).") from error
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self._client_id:
            raise NotAllowed("The identity provider gave its word to another program.")
        return claims

    async def _decoded(self, token: str) -> jwt.Token:
        known = self._keys
        if known is not None:
            try:
                return jwt.decode(token, known, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                pass  # the provider may have changed its keys: once more with those of now
        about = await self._described()
        self._keys = KeySet.import_key_set(await _fetch("GET", str(about["jwks_uri"])))  # type: ignore[arg-type]
        return jwt.decode(token, self._keys, algorithms=ALGORITHMS)

    async def _described(self) -> dict[str, Any]:
        if self._about is None:
            about = await _fetch("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if about.get("issuer") != self._issuer:
                raise Unavailable("The identity provider calls itself otherwise than KRABBEL_OIDC_ISSUER.")
            self._about = about
        return self._about


async def _fetch(method: str, url: str, **options: Any) -> dict[str, Any]:
    """Return an object; rarely asked, so without a pool that would have to be kept and closed."""
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.request(method, url, allow_redirects=False, **options) as answer,
        ):
            body = await answer.content.read(LARGEST_ANSWER)
            if answer.status == 400 and method == "POST":
                raise NotAllowed("The identity provider does not take this code.")
            if answer.status != 200:
                raise Unavailable(f"The identity provider answers {answer.status}.")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(f"The identity provider does not answer: {type(error).__name__}") from error
    try:
        found = _json(body)
    except ValueError as error:
        raise Unavailable("The identity provider answers in a form that we cannot read.") from error
    return found


def _json(body: bytes) -> dict[str, Any]:
    found = orjson.loads(body)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found
