"""Who may do what in the dashboard. The one place that says which role a request has."""

from enum import IntEnum


class Role(IntEnum):
    """Each role may do what the ones before it may."""

    READER = 1
    EDITOR = 2
    ADMIN = 3


def name_of(request: object) -> str:
    """Return the name under which a request's decisions are kept. Until people can sign in, all are the newsroom's."""
    return "Redaktion"


class _Everybody:
    """What all requests of this process may do; one setting, read once, for handlers and sessions alike."""

    role = Role.ADMIN


def everybody_is(role: Role) -> None:
    """Say what whoever reaches this dashboard may do (KRABBEL_VISITOR_ROLE)."""
    _Everybody.role = role


def role_of(request: object) -> Role | None:
    """Return the role of a request (tornado's, or that of a session); None for nobody we know.

    Until people can sign in, all have the role that the setting names.
    """
    return _Everybody.role
