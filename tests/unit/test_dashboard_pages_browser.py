"""The pages without a session, in a real browser: what they show, take along, and that everybody can use them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from services.dashboard.pages.registry import PAGES
from services.dashboard.roles import SESSION_COOKIE
from tests.unit.test_dashboard_browser import PHONE, dashboard, page, pytestmark, query, started

__all__ = ["dashboard", "page", "pytestmark", "query", "started"]  # the fixtures, and one worker for all


async def sign_in(page, dashboard, token: str) -> None:
    await page.context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": dashboard.url}])


def some_days(query) -> None:
    query.add_camera("garten", "Garten 1", "Köln")
    now = datetime.now(UTC)
    for back, labels in (
        (0, ("lepi", "lepi", "bee", "none_bird")),
        (1, ("wasp", "wasp", "wasp", "lepi")),
        (9, ("ant",)),
    ):
        for label in labels:
            query.classify(query.receive("garten", label, now - timedelta(days=back)), label)


async def test_day_in_full_can_be_chosen_and_taken_along(query, dashboard, page) -> None:
    some_days(query)
    await page.goto(f"{dashboard.url}day")
    await expect(page.locator("#tiles")).to_contain_text("gegenüber dem Vortag (4)")
    await expect(page.locator("#podium li").first).to_contain_text("Schmetterling")
    await expect(page.locator("#podium li").first).to_contain_text("Quelle:")
    await expect(page.locator("#hours-chart .said")).to_contain_text("Die Sonne ging um")
    await expect(page.locator("#false-alarms")).to_contain_text("Vogel1")
    await expect(page.locator("#wall li")).to_have_count(3)
    await expect(page.locator("#who-list")).to_contain_text("Schmetterling2")
    await expect(page.locator("#who-pictures img")).to_have_count(3)
    hour = query.runs[next(iter(query.runs))].local_hour
    await expect(page.locator("#who-more")).to_have_attribute("href", re.compile(f"&hour={hour}&insect=true"))
    await page.locator("#who-hour").press("ArrowLeft" if hour else "ArrowRight")
    await expect(page.locator("#who-pictures img")).to_have_count(0)
    await expect(page.locator("#who-list")).to_have_text("Niemand.")
    assert f"hour={hour - 1 if hour else 1}" in page.url

    for kind, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("CSV", "\ufeffGruppe".encode())):
        async with page.expect_download() as download:
            await page.locator("#classes-chart").get_by_role("button", name=kind).click()
        assert Path(await (await download.value).path()).read_bytes().startswith(begins), kind

    await page.locator("#hours-chart").get_by_role("button", name="Einbetten").click()
    await expect(page.get_by_role("textbox", name="Einbetten")).to_have_value(
        re.compile(r'src="[^"]+/embed/day\?lang=de"')
    )

    await page.get_by_role("button", name="Stärkster Tag").click()
    await expect(page.locator("#podium li").first).to_contain_text("Faltenwespe")
    assert "day=" in page.url
    await page.get_by_role("link", name="EN", exact=True).click()
    await expect(page.locator("#podium li").first).to_contain_text("Vespid wasp")


async def test_page_of_pictures_and_order_of_the_archive_stand_in_the_address(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    now = datetime.now(UTC)
    for number in range(50):
        run_id = query.receive("garten", "bee", now, frames=1 + number % 2)
        query.classify(run_id, "bee", round(0.5 + number / 100, 2))
    await page.goto(f"{dashboard.url}day?page=3")
    await expect(page.locator("#wall li")).to_have_count(2)
    await page.locator("#wall-newer").click()
    await expect(page.locator("#wall li")).to_have_count(24)
    assert "page=2" in page.url
    await page.go_back()
    await expect(page.locator("#wall-page")).to_have_text("Seite 3")

    await page.goto(f"{dashboard.url}archive?view=table")
    certain = page.locator("#runs-table thead th[data-sort=certainty]")
    await page.get_by_role("button", name="Wie sicher").click()
    await expect(certain).to_have_attribute("aria-sort", "descending")
    await expect(page.locator("#runs-table tbody tr").first).to_contain_text("99")
    await page.get_by_role("button", name="Wie sicher").click()
    await expect(page.locator("#runs-table tbody tr").first).to_contain_text("50")
    await expect(page.locator("#order")).to_have_value("least_certain")
    await page.get_by_role("link", name="EN", exact=True).click()
    await expect(certain).to_have_attribute("aria-sort", "ascending")
    await expect(page.locator("#runs-table thead th[aria-sort]")).to_have_count(1)
    await page.locator("#order").select_option(label="Most pictures first")
    await expect(page.locator("#runs-table tbody tr").first.locator(".figure").first).to_have_text("2")
    assert "order=most_images" in page.url


async def test_new_runs_are_offered_to_check_and_other_editors_decisions_show_at_once(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    first, second, third = [query.receive("garten", label) for label in ("bee", "wasp", "lepi")]
    for run_id, label in ((first, "bee"), (second, "wasp"), (third, "lepi")):
        query.classify(run_id, label)
    await sign_in(page, dashboard, query.sign_in())
    await page.goto(f"{dashboard.url}verify")
    await expect(page.locator("#confirm-name")).to_have_text("Schmetterling")
    await expect(page.locator("#arrivals")).to_be_hidden()

    query.verify(second, "none_bird")
    query.classify(query.receive("garten", "ant"), "ant", 0.4)
    await expect(page.locator("#arrivals")).to_have_text("1 neuer Besuch – zeigen")
    await page.locator("#skip").click()
    await expect(page.locator("#confirm-name")).to_have_text("Wildbiene")  # the wasp is decided

    query.verify(first, "bee_apis")
    await expect(page.locator("#said")).to_have_text("Gerade von Maja geprüft: Honigbiene")
    await expect(page.locator("#one-says")).to_contain_text("Geprüft von Maja")

    await page.locator("#arrivals").click()
    await expect(page.locator("#confirm-name")).to_have_text("Ameise")
    await expect(page.locator("#arrivals")).to_be_hidden()
    await page.get_by_role("button", name="Viele").click()
    await expect(page.locator("#grid li")).to_have_count(2)
    query.verify(third, "lepi")
    await expect(page.locator("#grid li.done")).to_contain_text("Schmetterling")


async def test_season_draws_what_is_ticked_and_compares_cameras(query, dashboard, page) -> None:
    some_days(query)
    await page.goto(f"{dashboard.url}season?lang=en")
    await expect(page.locator("#tiles")).to_contain_text("days with insects")
    await expect(page.locator("#phenology .numbers tbody tr")).to_have_count(4)
    await expect(page.locator("#uptime .numbers tbody")).to_contain_text(
        "arten"
    )  # its name, or its id until that is known
    await page.wait_for_function("document.querySelector('#lines .chart').childElementCount > 0")

    columns = page.locator("#lines .numbers thead th")
    await expect(columns).to_have_count(5)
    await page.get_by_role("checkbox", name="Ant").uncheck()
    await expect(columns).to_have_text(["Day", "Butterfly or moth", "Vespid wasp", "Wild bee"])


async def test_service_that_is_away_is_said_in_words_and_asked_again(query, dashboard, page) -> None:
    some_days(query)
    await page.route("**/ui/api/stats/**", lambda route: route.abort())
    await page.goto(f"{dashboard.url}day")
    await expect(page.get_by_role("alert")).to_contain_text("Der Server antwortet gerade nicht")

    await page.unroute("**/ui/api/stats/**")
    await page.get_by_role("button", name="Noch einmal versuchen").click()

    await expect(page.locator("#tiles")).to_contain_text("Besuche")
    await expect(page.get_by_role("alert")).to_have_count(0)


async def serious_barriers(page) -> list[tuple]:
    found = (await Axe().run(page)).response["violations"]
    return [
        (one["id"], [node["target"] for node in one["nodes"]][:5])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


async def test_leads_of_a_day_can_be_copied_proved_and_leafed_through_in_both_languages(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1", "Köln")
    now = datetime.now(UTC)
    for back in range(1, 9):
        query.classify(query.receive("garten", "bee", now - timedelta(days=back)), "bee")
    for label in ("scorpionfly", *["bee"] * 12):
        query.classify(query.receive("garten", label, now), label)
    await page.goto(f"{dashboard.url}stories")
    cards = page.locator("#cards > li")
    await expect(cards).to_have_count(4)
    await expect(cards.first.locator("blockquote").first).to_contain_text("Skorpionsfliege")
    await expect(cards.first.locator("blockquote").last).to_have_attribute("lang", "en")
    await expect(page.locator(".story .note").first).to_contain_text("Besuche, nicht einzelne Tiere")
    assert not await serious_barriers(page)

    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await cards.first.get_by_role("button", name="Englisch kopieren").press("Enter")
    await expect(page.locator("#said")).to_have_text("Kopiert")
    assert "scorpionfl" in (await page.evaluate("navigator.clipboard.readText()")).lower()

    today = query.runs[next(reversed(query.runs))].local_date
    await page.get_by_role("button", name="Ein Tag früher").click()
    await expect(page.locator("#none")).to_be_visible()
    assert f"day={today - timedelta(days=1)}" in page.url
    await page.go_back()
    await expect(cards).to_have_count(4)

    await page.set_viewport_size(PHONE)
    await page.emulate_media(color_scheme="dark")
    await page.get_by_role("link", name="EN", exact=True).click()
    await expect(cards.first.locator("blockquote").first).to_contain_text("corpionfl")
    assert not await serious_barriers(page)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await cards.first.get_by_role("link", name="Evidence in the archive").click()
    await expect(page.locator("#found-count")).to_contain_text("1 visit")
    assert f"day={today}&class=scorpionfly" in page.url


@pytest.mark.parametrize("shown", PAGES, ids=lambda one: one.name)
async def test_no_page_has_a_serious_barrier_and_none_is_wider_than_a_phone(query, dashboard, page, shown) -> None:
    some_days(query)
    if shown.name != "login":
        await sign_in(page, dashboard, query.sign_in())
    for size, scheme in ((None, "light"), (PHONE, "dark")):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if size:
            await page.set_viewport_size(size)
        await page.goto(f"{dashboard.url.rstrip('/')}{shown.path}?lang=de")
        await expect(page.locator("h1:visible").first).to_be_visible()
        await page.wait_for_load_state("networkidle")
        await page.wait_for_timeout(300)  # fading parts have other colours meanwhile
        assert not await serious_barriers(page), scheme
        # Charts follow the window's width a moment later
        await page.wait_for_function(f"document.documentElement.scrollWidth <= {(size or {'width': 1400})['width']}")
