"""The page "season": a year, or what there is of it. Its scripts ask for what they show."""

from services.dashboard.pages.page import Page, Request


def brings(request: Request) -> dict[str, object]:
    """Bring the chosen year."""
    return {"boot": {"year": request.arguments.get("year")}}


PAGE = Page(
    "season", "/season", styles=("figures", "charts", "day", "season"), texts=("charts",), charts=True, brings=brings
)
