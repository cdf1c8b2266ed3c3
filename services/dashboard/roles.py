"""Who may do what in the dashboard. The one place that says which role a request has."""

from dataclasses import dataclass
from enum import IntEnum

from proto.user import UserRole, Who

SESSION_COOKIE = "krabbel_session"


class Role(IntEnum):
    """Each role may do what the ones before it may."""

    READER = 1
    EDITOR = 2
    ADMIN = 3


ROLES = {UserRole.READER: Role.READER, UserRole.EDITOR: Role.EDITOR, UserRole.ADMIN: Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. A visitor, who may look without signing in, has no name and no token."""

    role: Role
    name: str = ""
    token: str = ""
    user_id: str = ""
    federated: bool = False

    @property
    def signed_in(self) -> bool:
        """Whether it is somebody we know."""
        return bool(self.token)


def person(who: Who, token: str) -> Person:
    """Return the person that a session belongs to."""
    return Person(ROLES[who.role], who.name, token, who.user_id, who.federated)


def remember(request: object, found: Person | None) -> None:
    """Keep with a request who asks: the doorkeeper's doing, before any handler looks (doorkeeper.py)."""
    setattr(request, _KEPT, found)


_KEPT = "krabbel_person"


def person_of(request: object) -> Person | None:
    """Return who asks: of tornado's request, or of the context of a session, which has the request that began it.

    A request that no doorkeeper looked at is nobody's.
    """
    began = getattr(request, "request", None)
    found = getattr(request if began is None else began, _KEPT, None)
    return found if isinstance(found, Person) else None


def role_of(request: object) -> Role | None:
    """Return the role of a request (tornado's, or that of a session); None for nobody we know."""
    found = person_of(request)
    return found.role if found else None


def name_of(request: object) -> str:
    """Return the name under which a request's decisions are kept; empty for who is not signed in."""
    found = person_of(request)
    return found.name if found else ""
