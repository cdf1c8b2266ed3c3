"""The frame that all pages share: document head, masthead with navigation, and what the scripts are told first."""

import json
import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, Template
from markupsafe import Markup
from panel.io.resources import _env as panel_environment

from proto.taxonomy import taxonomy
from services.dashboard.assets import ASSETS_PATH, TEMPLATES
from services.dashboard.icons import symbol_of
from services.dashboard.pages.page import Page
from services.dashboard.roles import Person
from services.dashboard.texts import LANGUAGES, catalogue

UNUSED_SCRIPTS = ("bokeh-gl", "bokeh-mathjax")
BOKEH_JS = ("/static/js/bokeh.min.js", "/static/js/bokeh-api.min.js")
"""Bokeh's own files on our server: all that a chart without a session needs."""
LANGUAGE_NAMES = {"de": "Deutsch", "en": "English"}


@cache
def template_of(name: str) -> Template:
    """Return a page's template; Bokeh's ``embed`` macro comes from Panel's environment."""
    loader = ChoiceLoader([FileSystemLoader(TEMPLATES), panel_environment.loader])
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["needed"] = needed
    return environment.get_template(f"{name}.html")


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


def navigation(pages: tuple[Page, ...], shown: Page, language: str, person: Person | None) -> list[dict[str, Any]]:
    """Return the links to all pages that this person may see."""
    texts = catalogue(language)
    return [
        {
            "name": page.name,
            "text": texts[f"nav.{page.name}"],
            "href": page.path + address(language, {}),
            "current": page is shown,
        }
        for page in pages
        if page.in_navigation and may_see(person, page)
    ]


def may_see(person: Person | None, page: Page) -> bool:
    """Return whether the person may see the page."""
    return person is not None and person.role >= page.role


def address(language: str, state: Mapping[str, str], **changes: str | None) -> str:
    """Return the query part of a page's address; it holds the whole state, so it is kept in another language."""
    wanted = {"lang": language, **{name: value for name, value in state.items() if name != "lang"}, **changes}
    return "?" + urlencode({name: value for name, value in wanted.items() if value})


def variables(  # everything the frame shows
    page: Page,
    pages: tuple[Page, ...],
    language: str,
    person: Person | None,
    state: Mapping[str, str],
    boot: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the frame's template needs."""
    texts = catalogue(language, *page.catalogues)
    seen = {other.name: other.path for other in pages if may_see(person, other)}
    role = person.role.name.lower() if person else None
    told = {"lang": language, "page": page.name, "pages": seen, "role": role, "texts": texts}
    return {
        "page": page,
        "lang": language,
        "t": texts,
        "navigation": navigation(pages, page, language, person),
        "languages": [(code, LANGUAGE_NAMES[code]) for code in LANGUAGES],
        "assets": ASSETS_PATH,
        "bokeh": BOKEH_JS,
        "home": "/" + address(language, {}),
        "account": address(language, {}),
        "address": partial(address, language, state),
        "person": person if person and person.signed_in else None,
        "sign_in": "/login" + address(language, {"next": page.path + address(language, state)}),
        "boot": script_json(told | {"taxonomy": classes_in(language)} | dict(boot)),
    }


def script_json(value: Any) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # escaped in the line above
