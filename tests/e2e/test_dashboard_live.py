"""What the newsroom sees: an upload appears in the open page by itself."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_whole_path import crops_of, now_at_the_camera
from tests.support.deployed_trap import send_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def upload(system, label: str, track: int) -> None:
    end = now_at_the_camera()
    start = end - timedelta(seconds=6)
    crops = crops_of(label, track, 6, track, start)
    assert send_run(f"{system.base_url}/classify", system.keys.api, track, start, end, crops).ok


@pytest.mark.parametrize(
    ("language", "label", "name"), [("de", "lepi", "Schmetterling"), ("en", "bug_grapho", "Striped shield bug")]
)
def test_an_uploaded_insect_appears_in_the_open_page_with_its_name(krabbel_system, page: Page, language, label, name):
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if not _is_local(request.url) else None)
    page.goto(f"{krabbel_system.base_url}/?lang={language}")
    gallery = page.locator("[data-testid=gallery]")
    expect(gallery).to_be_visible(timeout=30_000)
    before = gallery.get_by_text(name, exact=True).count()

    upload(krabbel_system, label, 70_000 + (language == "en"))

    expect(gallery.get_by_text(name, exact=True)).to_have_count(before + 1, timeout=60_000)
    picture = gallery.locator("img").first
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0, "the picture is really shown"
    assert outside == [], "nothing is asked of any other host"
    expect(page.locator("html")).to_have_attribute("lang", language)


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_is_cut_off_at_the_side(krabbel_system, page: Page, width):
    page.set_viewport_size({"width": width, "height": 850})
    page.goto(krabbel_system.base_url)
    expect(page.locator("[data-testid=gallery]")).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def _is_local(url: str) -> bool:
    return re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", url) is not None
