"""A true thing to know of every class, in each language, with where it is written."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact; ``source`` is a work that says so, ``doi`` its identifier where it has one.

    ``checked``: against what it was read; for whoever keeps the file, not for readers.
    """

    de: str
    en: str
    source: str
    checked: str
    doi: str | None = None

    def said(self, language: str) -> dict[str, str | None]:
        """Return the fact as a page takes it."""
        return {"text": self.de if language == "de" else self.en, "source": self.source, "doi": self.doi}


@cache
def facts() -> dict[str, Fact]:
    """Return the facts by class."""
    text = resources.files(__package__).joinpath("facts.toml").read_text(encoding="utf-8")
    return {label: Fact(**values) for label, values in tomllib.loads(text).items()}
