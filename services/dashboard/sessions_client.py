"""What the dashboard, without a database, asks the query service about people (services/query/routes_internal.py,
routes_people.py)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from krabbel.client import error_of
from proto.base import Contract
from proto.errors import BadRequest, NotAuthenticated, SessionEnded, TooManyRequests, Unavailable, WrongSignIn
from proto.user import FederatedSignIn, OpenedSession, SessionsKnown, Who

Answer = TypeVar("Answer", bound=Contract)
TOLD = (WrongSignIn, SessionEnded, TooManyRequests, BadRequest)
"""What the person before the page can do something about."""
TIMEOUT = aiohttp.ClientTimeout(total=8, sock_connect=3)


class SessionsClient:
    """Signs in, asks who somebody is, signs out. Raises :class:`proto.errors.Unavailable` where nobody answers."""

    def __init__(self, query_url: str, key: str) -> None:
        self._url = f"{query_url.rstrip('/')}/internal"
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def open(self, name: str, password: str, address: str) -> OpenedSession:
        """Sign in.

        Raises:
            WrongSignIn: name and password do not belong together.
            TooManyRequests: too many were wrong lately.
        """
        body = {"name": name, "password": password, "address": address}
        return await self._ask("POST", "/sessions", OpenedSession, body)

    async def open_federated(self, wanted: FederatedSignIn) -> OpenedSession:
        """Sign in whom an identity provider vouched for."""
        return await self._ask("POST", "/sessions/federated", OpenedSession, wanted.model_dump(mode="json"))

    async def change_password(self, token: str, current: str, new: str, address: str) -> OpenedSession:
        """Give who is signed in another password; return the session in place of the old.

        Raises:
            SessionEnded: the session is over.
            WrongSignIn: the current password is another one.
            TooManyRequests: too many were wrong lately.
            BadRequest: the new one cannot be a password.
        """
        body = {"token": token, "current": current, "new": new, "address": address}
        return await self._ask("POST", "/sessions/password", OpenedSession, body)

    async def known(self, tokens: Sequence[str]) -> tuple[Who | None, ...]:
        """Return whom each token belongs to."""
        return (await self._ask("POST", "/sessions/check", SessionsKnown, {"tokens": list(tokens)})).items

    async def close(self, token: str) -> None:
        """Sign out."""
        await self._ask("DELETE", "/sessions", Contract, None, {"Krabbel-Session": token})

    async def people(self, method: str, path: str, token: str, body: bytes | None) -> tuple[int, str]:
        """Pass on what an admin asks about people; return status and JSON, refusals too."""
        headers = {"Krabbel-Session": token, "Content-Type": "application/json"}
        async with self._request(method, f"/people{path}", data=body or None, headers=headers) as answer:
            text = await answer.text()
            refusal = error_of(answer.status, text) if answer.status >= 400 else None
        if isinstance(refusal, NotAuthenticated):
            raise Unavailable("The query service does not know the dashboard's key (KRABBEL_SERVICE_KEY).")
        if isinstance(refusal, (SessionEnded, Unavailable)):
            raise refusal
        return answer.status, text

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, method: str, path: str, shape: type[Answer], body: object, headers: dict[str, str] | None = None
    ) -> Answer:
        async with self._request(method, path, json=body, headers=headers) as answer:
            text = await answer.text()
        if answer.status < 400:
            return shape.model_validate_json(text or "{}")
        refusal = error_of(answer.status, text)
        if isinstance(refusal, TOLD):
            wait = answer.headers.get("Retry-After", "")
            raise type(refusal)(refusal.detail, retry_after_s=int(wait) if wait.isdecimal() else None)
        # A wrong service key, an older query service: nothing that the person before the page could mend.
        raise Unavailable(f"The query service refuses: {refusal.detail}")

    @asynccontextmanager
    async def _request(self, method: str, path: str, **sent: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT)
        try:
            async with self._session.request(method, self._url + path, **sent) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"The query service does not answer: {type(error).__name__}") from error
