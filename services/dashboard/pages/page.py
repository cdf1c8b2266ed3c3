"""What a page is: an address, a template, its own scripts, styles and texts, and the role that may see it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.dashboard.roles import Role


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for a page, and how: what a page may make its first picture of."""

    language: str
    arguments: Mapping[str, str]
    role: Role
    public_url: str
    snapshot: Mapping[str, Any]
    """``totals`` (all days, today), ``cameras``, ``system`` and ``link``, as the feed knows them: costs no question."""


def nothing(_request: Request) -> dict[str, Any]:
    """Bring nothing along."""
    return {}


@dataclass(frozen=True, slots=True)
class Page:
    """One page. ``name`` is that of its template, of its folders below ``static/js`` and of its texts."""

    name: str
    path: str
    role: Role = Role.READER
    styles: tuple[str, ...] = ()
    """Style sheets besides the frame's: names in ``static/css``."""
    texts: tuple[str, ...] = ()
    """Catalogues besides the frame's and its own."""
    charts: bool = False
    """Whether it shows Bokeh charts, and so needs Bokeh's scripts."""
    in_navigation: bool = True
    brings: Callable[[Request], dict[str, Any]] = nothing
    """Variables of its template, and with ``boot`` what its scripts find in ``start`` (static/js/words.js)."""

    @property
    def catalogues(self) -> tuple[str, ...]:
        """The catalogues that its texts come from."""
        return (self.name, *self.texts)
