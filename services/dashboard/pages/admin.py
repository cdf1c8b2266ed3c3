"""The page "admin": what operators look at and change. Its scripts ask for what they show."""

from services.dashboard.pages.page import Page, Request
from services.dashboard.roles import Role

SECTIONS = ("work", "cameras", "keys", "people", "dead", "models", "exports", "storage")


def brings(request: Request) -> dict[str, object]:
    """Bring the sections, and the address under which traps and people reach this Krabbel."""
    return {"sections": SECTIONS, "boot": {"sections": SECTIONS, "origin": request.public_url.rstrip("/")}}


PAGE = Page(
    "admin", "/admin", Role.ADMIN, styles=("figures", "archive", "run", "admin"), texts=("archive",), brings=brings
)
