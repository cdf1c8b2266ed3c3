"""The page "now": the live green carpet, and the day in numbers. The one page with a session of its own."""

from collections.abc import Mapping
from typing import Any

from services.dashboard.pages import frame
from services.dashboard.pages.page import Page
from services.dashboard.roles import Person

FIRST_PICTURES = 7
"""So many are asked for before any script is read."""

PAGE = Page("now", "/", styles=("carpet", "figures", "pictures"))


def variables(
    pages: tuple[Page, ...], language: str, person: Person, snapshot: Mapping[str, Any], public_url: str
) -> dict[str, Any]:
    """Return what the template needs, with everything the page shows first: no picture waits for the websocket."""
    return frame.variables(PAGE, pages, language, person, {}, {"snapshot": snapshot}) | {
        "public_url": public_url.rstrip("/"),
        "first_pictures": [card["src"] for card in snapshot["gallery"]["cards"][:FIRST_PICTURES] if card["src"]],
    }
