"""The page "day": one day in full. Its scripts ask for what they show; only the facts come along."""

from datetime import date
from typing import Any

from services.dashboard.facts import facts
from services.dashboard.pages.page import Page, Request


def brings(request: Request) -> dict[str, Any]:
    """Bring the chosen day (none: the one that is, also for what is no day), and a fact for each class."""
    try:
        day: str | None = date.fromisoformat(request.arguments.get("day", "")).isoformat()
    except ValueError:
        day = None
    told = {label: fact.said(request.language) for label, fact in facts().items()}
    return {"boot": {"day": day, "facts": told}}


PAGE = Page(
    "day", "/day", styles=("figures", "pictures", "charts", "day"), texts=("charts",), charts=True, brings=brings
)
