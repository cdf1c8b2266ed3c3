"""The pages' words, from one file."""

import json
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("de", "en")


@cache
def words() -> dict[str, dict[str, Any]]:
    """Return the words by language."""
    file = resources.files("services.query.embeds").joinpath("words.json")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found
