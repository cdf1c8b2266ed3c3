"""A small OpenID Connect provider with real keys and signatures, which can be told to lie."""

import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "krabbel", "client secret: é&="


class Provider:
    """Whoever comes is ``person``; ``lies`` are claims that it puts into its word instead of the true ones."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one"})
        self.person: dict[str, Any] = {
            "sub": "4711", "email": "Anna@Example.org", "email_verified": True, "name": "Anna Käfer",
        }  # fmt: skip
        self.lies: dict[str, Any] = {}
        self.signs_with: Any = self.key
        self.algorithm = "RS256"
        self._codes: dict[str, dict[str, str]] = {}
        self._runner: web.AppRunner | None = None
        self.issuer = ""

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._about)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/go", self._go)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Go away."""
        if self._runner is not None:
            await self._runner.cleanup()

    def agree(self, address: str) -> str:
        """Do what the browser and the person do at the provider: return the address that leads back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert set(query["scope"].split()) == {"openid", "email", "profile"}
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    async def _go(self, request: web.Request) -> web.Response:
        """For a real browser: the person agrees at once."""
        raise web.HTTPFound(self.agree(str(request.url)))

    async def _about(self, _request: web.Request) -> web.Response:
        paths = {"authorization_endpoint": "/go?x=1", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return web.json_response({"issuer": self.issuer, **{name: self.issuer + at for name, at in paths.items()}})

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response(KeySet([self.key]).as_dict(private=False))

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        client, _, secret = base64.b64decode(given).decode().partition(":")
        known = self._codes.pop(str(form["code"]), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        if (
            (kind, unquote_plus(client), unquote_plus(secret)) != ("Basic", CLIENT, SECRET)
            or known is None
            or known["redirect_uri"] != form["redirect_uri"]
            or known["code_challenge"] != challenge.rstrip(b"=").decode()
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": known["nonce"]}
        claims |= self.person | self.lies
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        token = jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])
        return web.json_response({"id_token": token, "access_token": "x", "token_type": "Bearer"})
