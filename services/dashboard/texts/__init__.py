"""Every text that people read, one catalogue per language. ``de.toml`` leads; a test finds what another lacks."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

LANGUAGES = ("de", "en")
DEFAULT = LANGUAGES[0]

Text = str | Mapping[str, str]
"""A text, or its plural forms."""


def language_of(wanted: str | None) -> str:
    """Return the language, or the default for one that we do not speak."""
    return wanted if wanted in LANGUAGES else DEFAULT


@cache
def catalogue(language: str) -> dict[str, Text]:
    """Return all texts of a language by dotted key, e.g. ``carpet.title``."""
    text = resources.files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(text)
    return {f"{section}.{key}": value for section, texts in sections.items() for key, value in texts.items()}
