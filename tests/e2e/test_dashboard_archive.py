"""Archive and one run in full, on the whole system: from a trap's upload to the shared address."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_whole_path import Api, crops_of, now_at_the_camera
from tests.support.deployed_trap import send_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VISITS = {81_001: "lepi", 81_002: "bug_grapho", 81_003: "lepi"}


@pytest.fixture(scope="module")
def visits(krabbel_system) -> dict[int, dict]:
    """Three runs by track id, named by the demo model."""
    for track, label in VISITS.items():
        end = now_at_the_camera()
        start = end - timedelta(seconds=6)
        crops = crops_of(label, track, 4, track, start)
        assert send_run(f"{krabbel_system.base_url}/classify", krabbel_system.keys.api, track, start, end, crops).ok
    api, patience = Api(krabbel_system), time.monotonic() + 60
    while time.monotonic() < patience:
        runs = {run["tracking_id"]: run for run in api.get("/runs", limit=50)["items"] if run["result"]}
        if all(str(track) in runs for track in VISITS):
            return {track: runs[str(track)] for track in VISITS}
        time.sleep(0.2)
    raise AssertionError("the visits did not get their names in a minute")


@pytest.fixture
def faults(page: Page) -> Iterator[list[str]]:
    """What goes wrong in the page's scripts: nothing may."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def test_address_holds_filters_view_and_run_and_back_leads_back(krabbel_system, visits, page: Page, faults) -> None:
    page.goto(f"{krabbel_system.base_url}/archive?lang=de&class=lepi,bug_grapho")
    butterfly = visits[81_001]["run_id"]
    tile = page.locator(f"#wall a[data-run='{butterfly}']")
    expect(tile).to_contain_text("Schmetterling")
    expect(page.locator("#found-count")).to_contain_text("das sind alle")

    page.get_by_role("button", name="Filter entfernen: Streifenwanze").click()
    expect(page.locator("#wall")).not_to_contain_text("Streifenwanze")
    page.get_by_role("button", name="Tabelle").click()
    row = page.locator(f"#runs-table a[data-run='{butterfly}']")
    expect(row).to_be_visible()
    assert "class=lepi&view=table" in page.url
    picture = page.locator("#runs-table img").first
    expect(picture).to_have_js_property("complete", True)
    page.wait_for_function("document.querySelector('#runs-table img').naturalWidth > 0")

    row.press("Enter")
    expect(page.locator("#run-title")).to_have_text("Schmetterling")
    assert f"run={butterfly}" in page.url
    page.reload()
    expect(page.locator("#run-title")).to_have_text("Schmetterling")
    page.get_by_role("link", name="EN", exact=True).click()
    expect(page.locator("#run-title")).to_have_text("Butterfly or moth")
    page.keyboard.press("Escape")
    expect(page.locator("#table")).to_be_visible()
    assert "run=" not in page.url
    page.go_back()
    expect(page.locator("#run-title")).to_have_text("Butterfly or moth")


def test_run_in_full_explains_its_name_and_shows_every_picture(krabbel_system, visits, page: Page, faults) -> None:
    run = visits[81_002]
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{krabbel_system.base_url}/archive?lang=de&run={run['run_id']}")

    expect(page.locator(".strip button")).to_have_count(4)
    expect(page.locator("#top li")).to_have_count(5)
    expect(page.locator("#reason-share")).to_contain_text(f"von {run['result']['images']} Bildern")
    expect(page.locator("#times")).to_contain_text("Europe/Berlin")
    first = page.locator(".stage img").get_attribute("src")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".stage img")).not_to_have_attribute("src", first or "")
    page.get_by_role("button", name="Abspielen").click()
    expect(page.get_by_role("button", name="Anhalten")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    with page.expect_download() as download:
        page.get_by_role("link", name="Alle Bilder (ZIP)").click()
    assert download.value.suggested_filename.endswith(f"{run['run_id'][:12]}.zip")


def test_filters_fold_away_on_a_phone_and_nothing_found_is_said(krabbel_system, visits, page: Page, faults) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{krabbel_system.base_url}/archive?lang=en")
    expect(page.locator("#wall li").first).to_be_visible()
    expect(page.locator("#filters")).to_be_hidden()

    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Search").fill("no such animal")

    expect(page.locator("#found-blank")).to_contain_text("No visit matches these filters")
    assert "q=no+such+animal" in page.url
    page.get_by_role("button", name="Clear all filters").click()
    expect(page.locator("#wall li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
