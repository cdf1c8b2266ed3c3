"""The embeds' pages: the same text for every reader in a language, made once. Plain code."""

import html
import json
from functools import cache

from services.query.embeds.words import words

WIDGETS = ("counter", "latest", "day", "classes")
FILES = {"embed.css": "text/css", "embed.js": "text/javascript", "charts.js": "text/javascript"}

_PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · Krabbel</title>
<link rel="stylesheet" href="/embed/embed.css">
<script type="application/json" id="words">{words}</script>
<script type="module" src="/embed/embed.js"></script>
</head>
<body>
<main class="embed {widget}" data-widget="{widget}" data-testid="embed" aria-busy="true">
<h1>{title}</h1>
<div id="content" aria-live="{live}"></div>
<p class="notice" id="demo" hidden>{demo}</p>
<p class="notice" id="away" role="status" hidden>{away}</p>
<footer><span id="note">{visits}</span> <span id="credit"></span></footer>
</main>
</body>
</html>
"""


@cache
def page(widget: str, language: str) -> bytes:
    """Return a widget's page in a language (``de`` or ``en``)."""
    said = words()[language]
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return _PAGE.format(
        lang=language,
        widget=widget,
        title=html.escape(said[widget]),
        live="off" if widget in ("day", "classes") else "polite",
        words=text,
        **{name: html.escape(said[name]) for name in ("demo", "away", "visits")},
    ).encode()


def policy(sites: tuple[str, ...]) -> str:
    """Return the Content-Security-Policy: all from here, and framed by the named sites only (``*``: by any)."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {' '.join(sites) or chr(39) + 'none' + chr(39)}"
    )
