"""Every text that people read: one catalogue per language and page, and ``frame`` for what pages share.

``de`` leads; tests/unit/test_dashboard_texts.py finds what another language lacks.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

LANGUAGES = ("de", "en")
DEFAULT = LANGUAGES[0]
FRAME = "frame"

Text = str | Mapping[str, str]
"""A text, or its plural forms."""


def language_of(wanted: str | None) -> str:
    """Return the language, or the default for one that we do not speak."""
    return wanted if wanted in LANGUAGES else DEFAULT


def parts(language: str) -> list[str]:
    """Return the names of a language's catalogues."""
    files = resources.files(__package__).joinpath(language).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


@cache
def part(language: str, name: str) -> dict[str, Text]:
    """Return one catalogue by dotted key, e.g. ``carpet.title``."""
    text = resources.files(__package__).joinpath(language, f"{name}.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(text)
    return {f"{section}.{key}": value for section, texts in sections.items() for key, value in texts.items()}


@cache
def catalogue(language: str, *names: str) -> dict[str, Text]:
    """Return the frame's texts and those of the named catalogues."""
    found = dict(part(language, FRAME))
    for name in names:
        found |= part(language, name)
    return found
