"""The pages of ``docs`` that are generated from the code: ``python -m krabbel.reference [--check]``."""

from collections.abc import Callable
from pathlib import Path

from krabbel.reference import commands, decisions, interface, messages, metrics, settings

FOLDER = Path(__file__).parents[2] / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings.page,
    "reference/commands.md": commands.page,
    "reference/interface.md": interface.page,
    "reference/messages.md": messages.page,
    "reference/metrics.md": metrics.page,
    "decisions/index.md": decisions.page,
}


def stale() -> list[str]:
    """Return the names of the pages that are not what the code says."""
    return [
        name
        for name, page in PAGES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != page()
    ]
