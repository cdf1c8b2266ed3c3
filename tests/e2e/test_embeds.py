"""A reader's article: a new visitor appears in the embed by itself."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_dashboard_live import upload

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_new_visitor_appears_in_an_open_embed_without_login(krabbel_system, page: Page):
    page.set_viewport_size({"width": 390, "height": 420})
    page.goto(f"{krabbel_system.base_url}/embed/latest?lang=de")
    embed = page.get_by_test_id("embed")
    expect(embed).to_have_attribute("aria-busy", "false")

    upload(krabbel_system, "lepi", 80_001)

    expect(page.locator("#name")).to_have_text("Schmetterling", timeout=15_000)
    picture = page.locator("#content img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#demo")).to_be_visible()
