"""Passwords: argon2id, and nothing but its result is ever stored (RFC 9106, 64 MiB; argon2-cffi's defaults).

Checking takes as long for a name that nobody has as for one that somebody has, so that answers tell no names.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proto.errors import BadRequest, TooManyRequests
from proto.user import LONGEST_PASSWORD, SHORTEST_PASSWORD

AT_ONCE = 2
"""Each takes 64 MiB and a good part of a core."""
WAIT_S = 5.0
T = TypeVar("T")


class Passwords:
    """Makes and checks hashes, a few at once and in threads: 50 to 100 ms each are meant to be slow."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = asyncio.Semaphore(AT_ONCE)

    @cached_property
    def _decoy(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """Return what is stored."""
        return await self._in_turn(lambda: self._hasher.hash(_bytes(password)))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Return whether it is the password; with nothing stored never, and after the same time.

        Raises:
            TooManyRequests: too many others wait.
        """
        return await self._in_turn(lambda: self._matches(stored, password))

    def _matches(self, stored: str | None, password: str) -> bool:
        decoy = self._decoy
        try:
            return self._hasher.verify(stored or decoy, _bytes(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, stored: str) -> bool:
        """Return whether it was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise TooManyRequests("Too many people sign in at this moment. Try again in a few seconds.") from error
        try:
            return await asyncio.to_thread(work)
        finally:
            self._places.release()


def _bytes(password: str) -> bytes:
    """Return the same bytes however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def acceptable(password: str, name: str = "") -> str:
    """Return the password if it may be one: long is what counts (NIST SP 800-63B), not signs of several kinds.

    Raises:
        BadRequest: it is too short, too long, or holds the name.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise BadRequest(f"A password has at least {SHORTEST_PASSWORD} characters; four or five words make a good one.")
    if len(password) > LONGEST_PASSWORD:
        raise BadRequest(f"A password has at most {LONGEST_PASSWORD} characters.")
    if (len(name) > 3 and name.casefold() in password.casefold()) or len(set(password)) < 5:
        raise BadRequest("This password is easily guessed; four or five words make a good one.")
    return password


def generated() -> str:
    """Return a random password: 120 bits, in groups that can be read out and typed."""
    text = secrets.token_hex(15)
    return "-".join(text[at : at + 6] for at in range(0, len(text), 6))
