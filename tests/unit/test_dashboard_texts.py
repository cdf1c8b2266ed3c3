"""Every text exists in every language, and every key that is used exists."""

import re
from pathlib import Path

import pytest

from proto.taxonomy import taxonomy
from services.dashboard.assets import STATIC, TEMPLATES
from services.dashboard.icons import SYMBOLS, symbol_of
from services.dashboard.pages.frame import address, classes_in, script_json
from services.dashboard.pages.page import Page
from services.dashboard.pages.registry import PAGES
from services.dashboard.texts import FRAME, LANGUAGES, Text, catalogue, language_of, part, parts

OTHERS = [language for language in LANGUAGES if language != "de"]
PARTS = parts("de")


def placeholders(text: Text) -> set[str]:
    forms = [text] if isinstance(text, str) else list(text.values())
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("language", OTHERS)
def test_language_has_all_texts_and_no_others(language: str) -> None:
    assert parts(language) == PARTS
    for name in PARTS:
        assert part(language, name).keys() == part("de", name).keys(), name


def test_no_text_stands_in_two_catalogues() -> None:
    sections = [(section, name) for name in PARTS for section in {key.split(".")[0] for key in part("de", name)}]

    assert len({section for section, _ in sections}) == len(sections), sorted(sections)


@pytest.mark.parametrize("language", OTHERS)
def test_texts_take_the_same_values_and_forms(language: str) -> None:
    for key, german in catalogue("de", *PARTS).items():
        text = catalogue(language, *PARTS)[key]
        assert isinstance(text, str) == isinstance(german, str), key
        assert placeholders(text) == placeholders(german), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_and_plurals_have_both_forms(language: str) -> None:
    for key, text in catalogue(language, *PARTS).items():
        forms = [text] if isinstance(text, str) else [text["one"], text["other"]]
        assert all(form.strip() for form in forms), key


def _templates(name: str, known: set[str]) -> set[str]:
    """Return a template and all that it includes or extends."""
    if name not in known:
        known.add(name)
        for other in re.findall(r"{% (?:include|extends|from) \"([\w.-]+)\"", (TEMPLATES / name).read_text("utf-8")):
            _templates(other, known)
    return known


def _modules(path: Path, known: set[Path]) -> set[Path]:
    """Return a script and all that it imports."""
    if path not in known:
        known.add(path)
        for other in re.findall(r'(?:from|import) "(\.{1,2}/[\w./-]+\.js)"', path.read_text("utf-8")):
            _modules((path.parent / other).resolve(), known)
    return known


def _used_keys(page: Page) -> set[str]:
    html = "".join((TEMPLATES / name).read_text("utf-8") for name in _templates(f"{page.name}.html", set()))
    modules = _modules((STATIC / "js" / page.name / "main.js").resolve(), set())
    scripts = "".join(path.read_text("utf-8") for path in modules)
    return set(re.findall(r"t\['([\w.]+)'\]", html)) | set(re.findall(r"\bt\(\s*\"([\w.]+)\"", scripts))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_text_that_a_page_uses_is_in_its_catalogues(page: Page) -> None:
    assert _used_keys(page) <= catalogue("de", *page.catalogues).keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_has_a_name_for_the_navigation_and_its_files(page: Page) -> None:
    assert f"nav.{page.name}" in part("de", FRAME)
    for sheet in page.styles:
        assert (STATIC / "css" / f"{sheet}.css").is_file()
    assert len({other.path for other in PAGES}) == len(PAGES)


def test_no_text_stands_in_a_template_itself() -> None:
    """Apart from the product's name, commands, and the two letters of each language."""
    for path in TEMPLATES.glob("*.html"):
        bare = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<code>.*?</code>|<[^>]*>", " ", path.read_text("utf-8"), flags=re.S
        )
        words = re.findall(r"[A-Za-zÄÖÜäöüß]{3,}", bare.replace("Was krabbelt da?", ""))
        assert not words, f"{path.name}: {words}"


def test_every_class_has_a_drawing() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text(encoding="utf-8")))

    assert SYMBOLS.keys() == taxonomy().keys()
    assert set(SYMBOLS.values()) <= drawn
    assert symbol_of("a-class-of-another-model") in drawn


@pytest.mark.parametrize(("wanted", "language"), [("en", "en"), ("de", "de"), (None, "de"), ("tlh", "de")])
def test_language_that_we_do_not_speak_is_german(wanted: str | None, language: str) -> None:
    assert language_of(wanted) == language


def test_address_holds_language_and_day() -> None:
    assert address("de", {}, lang="en") == "?lang=en"
    assert address("en", {"day": "2026-05-12"}, day=None) == "?lang=en"
    assert address("en", {"lang": "en", "day": "2026-05-12"}, lang="de") == "?lang=de&day=2026-05-12"


def test_no_name_can_end_the_script_that_it_stands_in() -> None:
    text = str(script_json({"name": "</script><img onerror=x>", "line": "\u2028"}))

    assert not set("<>&\u2028") & set(text)


def test_names_are_those_of_the_taxonomy() -> None:
    assert classes_in("de")["lepi"]["name"] == "Schmetterling"
    assert classes_in("en")["lepi"]["name"] == taxonomy()["lepi"].name_en


def test_nothing_of_ours_points_outside() -> None:
    """Fonts, scripts and pictures are the package's own; only namespaces may look like an address."""
    for path in [
        *TEMPLATES.glob("*.html"),
        *Path(STATIC).rglob("*.css"),
        *Path(STATIC).rglob("*.js"),
        STATIC / "icons.svg",
    ]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"https?://|//cdn", text), path.name
