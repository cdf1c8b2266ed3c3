"""People who sign in to the dashboard, and what the dashboard and query say to each other about them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr

from proto.base import Contract, UtcDatetime

LONGEST_PASSWORD = 1024
"""Characters. Longer ones only cost time."""
SHORTEST_PASSWORD = 12
"""Characters."""
MOST_TOKENS = 1000
"""Sessions asked about by one request at most."""

UserName = Annotated[
    str,
    Field(
        pattern=r"^[^\W_](?:[\w.@+\- ]{0,78}[\w.@+\-])?$",
        description="Letters, digits, blanks and . @ + - _, at most 80; upper or lower case is the same",
    ),
]
"""No colon: what an identity provider vouches for is stored under a name with one, and never meets a local one."""


class UserRole(StrEnum):
    """What a person may do; each may do what the ones before it may."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"


class User(Contract):
    """A person, without what proves that it is this person."""

    user_id: str
    name: str
    role: UserRole
    federated: bool = Field(default=False, description="Signs in at an identity provider, and has no password here")
    created_at: UtcDatetime
    changed_at: UtcDatetime = Field(description="When password or role were last set")
    last_sign_in_at: UtcDatetime | None = None


class SignIn(Contract):
    """The body of ``POST /internal/sessions``."""

    name: str = Field(max_length=200)
    password: SecretStr = Field(max_length=LONGEST_PASSWORD)
    address: str = Field(default="unknown", max_length=64, description="Of the browser; too many wrong tries stop it")


class FederatedSignIn(Contract):
    """The body of ``POST /internal/sessions/federated``: the dashboard saw an identity provider vouch for somebody."""

    subject: str = Field(min_length=3, max_length=500, pattern="#", description="issuer#sub: who it is for ever")
    name: str = Field(min_length=1, max_length=120, description="What decisions are kept under")
    role: UserRole


class People(Contract):
    """The answer to ``GET /internal/people``: everybody, and who of them asks."""

    items: tuple[User, ...]
    you: str = Field(description="The user_id of who asks")


class NewPerson(Contract):
    """The body of ``POST /internal/people``; the password is made."""

    name: str = Field(max_length=200)
    role: UserRole = UserRole.READER


class ThisPerson(Contract):
    """The body of ``POST /internal/people/password`` and ``…/remove``."""

    user_id: str = Field(min_length=1, max_length=600)


class OtherRole(ThisPerson):
    """The body of ``POST /internal/people/role``."""

    role: UserRole


class MadePassword(Contract):
    """Whom a password was made for: the only moment at which it can be read."""

    name: str
    password: str


class PasswordChange(Contract):
    """The body of ``POST /internal/sessions/password``: somebody who is signed in wants another password."""

    token: str = Field(max_length=100)
    current: SecretStr = Field(max_length=LONGEST_PASSWORD)
    new: SecretStr = Field(max_length=LONGEST_PASSWORD)
    address: str = Field(default="unknown", max_length=64)


class Who(Contract):
    """Whom a session belongs to."""

    name: str
    role: UserRole
    user_id: str = Field(default="", description="Empty from a query service of before")

    @property
    def federated(self) -> bool:
        """Whether an identity provider vouches for the person, who so has no password here."""
        return ":" in self.user_id


class OpenedSession(Contract):
    """The answer to a right sign-in: the only moment at which the token can be read."""

    token: str
    who: Who
    ends_at: datetime


class SessionsAsked(Contract):
    """The body of ``POST /internal/sessions/check``."""

    tokens: Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(min_length=1, max_length=MOST_TOKENS)]


class SessionsKnown(Contract):
    """Its answer, in the order of the tokens: None for those that are not, or no longer, valid."""

    items: tuple[Who | None, ...]
