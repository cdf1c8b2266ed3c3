"""The page "now": the live green carpet, and the day in numbers."""

import json
import re
from datetime import date
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, Template
from markupsafe import Markup
from panel.io.resources import _env as panel_environment

from proto.taxonomy import taxonomy
from services.dashboard.assets import ASSETS_PATH, TEMPLATES
from services.dashboard.icons import symbol_of
from services.dashboard.texts import LANGUAGES, catalogue

UNUSED_SCRIPTS = ("bokeh-gl", "bokeh-mathjax")
FIRST_PICTURES = 7
"""So many are asked for before any script is read."""
LANGUAGE_NAMES = {"de": "Deutsch", "en": "English"}


@cache
def page_template() -> Template:
    """Return the page; Bokeh's ``embed`` macro comes from Panel's environment."""
    loader = ChoiceLoader([FileSystemLoader(TEMPLATES), panel_environment.loader])
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["needed"] = needed
    return environment.get_template("page.html")


def needed(scripts: str) -> Markup:
    """Return Bokeh's script elements so that the page does not wait for them.

    Deferred: the first pictures are drawn while the browser still reads BokehJS. Without the parts that no page uses:
    2 MB that nobody has to load. Of inline scripts only the module loader's options are kept.
    """
    sources = re.findall(r'<script[^>]*\bsrc="([^"]+)"', scripts)
    wanted = [source for source in sources if not any(f"/{part}.min.js" in source for part in UNUSED_SCRIPTS)]
    elements = re.findall(r'<script type="esms-options">.*?</script>', scripts, re.DOTALL)
    elements += [f'<script defer src="{source}"></script>' for source in wanted]
    return Markup("\n".join(elements))  # noqa: S704  # Bokeh's own script elements


@cache
def classes_in(language: str) -> dict[str, dict[str, Any]]:
    """Return what a browser must know of the classes: name in its language, drawing, colour."""
    return {
        label: {
            "name": taxon.name(language),
            "sci": taxon.scientific_name,
            "icon": symbol_of(label),
            "color": taxon.color,
            "insect": taxon.is_insect,
        }
        for label, taxon in taxonomy().items()
    }


def variables(language: str, day: date | None, snapshot: dict[str, Any], public_url: str) -> dict[str, Any]:
    """Return what the template needs, with everything the page shows first: no picture waits for the websocket."""
    boot = {
        "lang": language,
        "day": day.isoformat() if day else None,
        "texts": catalogue(language),
        "taxonomy": classes_in(language),
        "snapshot": snapshot,
    }
    return {
        "lang": language,
        "t": catalogue(language),
        "languages": [(code, LANGUAGE_NAMES[code]) for code in LANGUAGES],
        "assets": ASSETS_PATH,
        "address": partial(address, language, day),
        "public_url": public_url.rstrip("/"),
        "first_pictures": [card["src"] for card in snapshot["gallery"]["cards"][:FIRST_PICTURES] if card["src"]],
        "boot": script_json(boot),
    }


def address(language: str, shown: date | None, *, lang: str | None = None, day: date | str | None = "shown") -> str:
    """Return the page's address with another language or day; the address holds the whole state."""
    wanted = {"lang": lang or language, "day": shown if day == "shown" else day}
    return "?" + urlencode({name: str(value) for name, value in wanted.items() if value})


def script_json(value: Any) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # escaped in the line above
