"""The page "day": one day in full. Its scripts ask for what they show; only the facts come along."""

from typing import Any

from services.dashboard.facts import facts
from services.dashboard.pages.page import Page, Request


def brings(request: Request) -> dict[str, Any]:
    """Bring the chosen day, and a fact for each class."""
    told = {label: fact.said(request.language) for label, fact in facts().items()}
    return {"boot": {"day": request.arguments.get("day"), "facts": told}}


PAGE = Page(
    "day", "/day", styles=("figures", "pictures", "charts", "day"), texts=("charts",), charts=True, brings=brings
)
