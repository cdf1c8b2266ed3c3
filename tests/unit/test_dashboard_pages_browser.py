"""The pages without a session, in a real browser: what they show, take along, and that everybody can use them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import expect

from tests.unit.test_dashboard_browser import dashboard, page, pytestmark, query, started

__all__ = ["dashboard", "page", "pytestmark", "query", "started"]  # the fixtures, and one worker for all


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

    for kind, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("CSV", "\ufeffGruppe".encode())):
        async with page.expect_download() as download:
            await page.locator("#classes-chart").get_by_role("button", name=kind).click()
        assert Path(await (await download.value).path()).read_bytes().startswith(begins), kind

    await page.get_by_role("button", name="Stärkster Tag").click()
    await expect(page.locator("#podium li").first).to_contain_text("Faltenwespe")
    assert "day=" in page.url
    await page.get_by_role("link", name="EN").click()
    await expect(page.locator("#podium li").first).to_contain_text("Vespid wasp")
