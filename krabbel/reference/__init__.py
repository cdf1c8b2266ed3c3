"""The pages of ``docs/reference`` that are generated from the code: ``python -m krabbel.reference [--check]``."""

from collections.abc import Callable
from pathlib import Path

from krabbel.reference import commands, interface, messages, metrics, settings

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "commands.md": commands.page,
    "interface.md": interface.page,
    "messages.md": messages.page,
    "metrics.md": metrics.page,
}


def stale() -> list[str]:
    """Return the names of the pages that are not what the code says."""
    return [
        name
        for name, page in PAGES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != page()
    ]
