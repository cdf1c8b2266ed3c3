"""The page in a real browser, with a stand-in for the query service: live, reconnecting, at home on a phone."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientError, ClientSession
from playwright.async_api import Page, async_playwright, expect

from tests.stack_fixture import CI
from tests.support.fake_query import FakeQuery

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}

expect.set_options(timeout=20_000)  # generous: these tests may share two cores with everything else

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not CI, reason="no Chromium on this machine"),
    pytest.mark.xdist_group("dashboard-browser"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Dashboard:
    """The real dashboard process, behind the stand-in."""

    def __init__(self, query: FakeQuery) -> None:
        self._query, self._port, self._process = query, free_port(), None
        query.dashboard = f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._query.port}/"

    async def start(self) -> None:
        settings = {"QUERY_URL": self.url, "PUBLIC_URL": self.url, "PORT": str(self._port), "SERVICE_KEY": "secret"}
        environment = os.environ | {f"KRABBEL_{name}": value for name, value in settings.items()}
        environment |= {"KRABBEL_HOST": "127.0.0.1", "KRABBEL_LOG_LEVEL": "warning"}
        command = (sys.executable, "-m", "services.dashboard")
        self._process: Any = await asyncio.create_subprocess_exec(*command, env=environment)
        await self.until("live")

    async def until(self, link: str) -> None:
        """Wait until the dashboard says that its way to the query service is so."""
        async with ClientSession() as session, asyncio.timeout(40):
            while True:
                try:
                    async with session.get(f"{self._query.dashboard}/readyz") as answer:
                        if (await answer.json(content_type=None))["checks"]["query"] == link:
                            return
                except ClientError:
                    pass
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        self._process.terminate()
        assert await asyncio.wait_for(self._process.wait(), 20) == 0


@pytest.fixture(scope="module")
async def started() -> AsyncIterator[tuple[FakeQuery, Dashboard]]:
    fake = FakeQuery(plain=True)
    await fake.start()
    server = Dashboard(fake)
    await server.start()
    yield fake, server
    await server.stop()
    await fake.stop()


@pytest.fixture
async def query(started: tuple[FakeQuery, Dashboard]) -> FakeQuery:
    """An empty query service. One dashboard serves all tests here: it takes the change for a lost connection."""
    fake, server = started
    fake.hold_back()
    fake.empty()
    await server.until("lost")
    fake.let_go()
    await server.until("live")
    return fake


@pytest.fixture
def dashboard(started: tuple[FakeQuery, Dashboard]) -> Dashboard:
    return started[1]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(viewport=DESK)
        outside, faults = list[str](), list[str]()
        page.on("request", lambda request: outside.append(request.url) if not _ours(request.url) else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        await browser.close()
    assert not outside, "nothing is asked of any other host"
    assert not faults


def _ours(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1"


async def listening(page: Page) -> None:
    """Wait until the page's session listens; what happens before comes with the first message."""
    await expect(page.locator("#pulse")).to_have_attribute("data-link", "live")
    await page.wait_for_function("Number(document.documentElement.dataset.messages) > 1")


async def test_visit_appears_live_and_gets_its_name_without_reload(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1", "Köln")
    query.classify(query.receive("garten", "ant"), "ant")
    await page.goto(dashboard.url)
    gallery = page.get_by_test_id("gallery")
    await expect(gallery.get_by_text("Ameise", exact=True)).to_be_visible()
    await listening(page)
    await page.evaluate("window.notReloaded = true")

    run_id = query.receive("garten", "lepi")
    await expect(gallery.get_by_text("wird bestimmt …")).to_be_visible()
    query.classify(run_id, "lepi", 0.97)

    card = gallery.get_by_role("listitem").filter(has_text="Schmetterling")
    await expect(card).to_be_visible()
    await expect(card).to_contain_text("Lepidoptera")
    await expect(card).to_contain_text("sicher")
    await expect(card).to_contain_text("97")
    await expect(card).to_contain_text("Garten 1")
    await expect(card.locator("img")).to_have_js_property("naturalWidth", 96)
    await expect(page.locator("#count-today")).to_have_text("2")
    await expect(page.locator("#count-total")).to_have_text("2")
    await expect(page.locator("#podium")).to_contain_text("Schmetterling")
    await expect(page.locator("#shares")).to_contain_text("Ameise")
    hour = query.runs[run_id].local_hour
    await expect(page.locator("#hours-table tbody tr").nth(hour)).to_contain_text("2")
    await expect(page.locator("#announcer")).to_contain_text("Neu: Schmetterling")
    bars = "Bokeh.documents[0].get_model_by_name('hours').renderers[0].data_source.get_array('insects')"
    await page.wait_for_function(f"{bars}.reduce((sum, count) => sum + count) == 2")
    assert await page.evaluate("window.notReloaded")


async def test_card_opens_all_pictures_of_the_visit_and_gives_the_focus_back(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    query.classify(query.receive("garten", "lepi", frames=3), "lepi")
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(dashboard.url)
    await listening(page)
    card = page.get_by_role("button", name="Alle Bilder ansehen: Schmetterling")

    await card.press("Enter")

    dialog = page.get_by_role("dialog", name="Schmetterling")
    await expect(dialog.get_by_role("button", name="Abspielen")).to_be_visible()
    await expect(dialog.get_by_role("listitem")).to_have_count(3)
    await expect(dialog.get_by_role("status")).to_have_text("Bild 2 von 3")
    await expect(dialog).to_contain_text("Foto: Garten 1 · CC-BY-4.0")
    await page.keyboard.press("ArrowRight")
    await expect(dialog.get_by_role("status")).to_have_text("Bild 3 von 3")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(card).to_be_focused()


async def test_first_of_its_kind_is_said_and_so_is_who_is_most_active(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    await page.goto(dashboard.url)
    await listening(page)
    query.classify(query.receive("garten", "bee"), "bee", 0.4)
    await expect(page.get_by_test_id("gallery").get_by_text("Wildbiene", exact=True)).to_be_visible()
    await expect(page.locator("#news")).to_be_hidden()  # the model was undecided

    query.classify(query.receive("garten", "scorpionfly"), "scorpionfly")
    query.classify(query.receive("garten", "scorpionfly"), "scorpionfly")

    await expect(page.locator("#news")).to_have_text("Zum allerersten Mal vor einer Kamera: Skorpionsfliege")
    await expect(page.locator("#this-hour")).to_contain_text("am aktivsten: Skorpionsfliege (2)")
    await expect(page.locator(".ribbon:visible")).to_have_text(["zum ersten Mal hier"])


async def test_false_alarm_is_counted_apart_and_leaves_the_carpet(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    query.classify(query.receive("garten", "bee"), "bee")
    await page.goto(f"{dashboard.url}?lang=en")
    await listening(page)

    query.classify(query.receive("garten", "none_bird"), "none_bird")

    gallery = page.get_by_test_id("gallery")
    await expect(gallery.get_by_text("false alarm")).to_be_visible()
    await expect(page.locator("#false-alarms")).to_contain_text("Bird1")
    await expect(page.locator("#count-today")).to_have_text("1")
    await expect(gallery.get_by_text("false alarm")).to_have_count(0)
    await expect(gallery.get_by_text("Wild bee", exact=True)).to_be_visible()


async def test_empty_database_says_what_to_do_and_the_first_visit_ends_it(query, dashboard, page) -> None:
    await page.goto(dashboard.url)
    await expect(page.locator("#welcome")).to_be_visible()
    await expect(page.locator("#welcome")).to_contain_text(f"{dashboard.url.rstrip('/')}/classify")
    await expect(page.locator("#day")).to_be_hidden()
    await listening(page)

    query.add_camera("garten", "Garten 1")
    query.classify(query.receive("garten", "bee"), "bee")

    await expect(page.locator("#welcome")).to_be_hidden()
    await expect(page.get_by_test_id("gallery").get_by_text("Wildbiene", exact=True)).to_be_visible()
    await expect(page.locator("#cameras")).to_contain_text("Garten 1")


async def test_query_service_gone_is_said_and_what_was_missed_is_caught_up(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    query.classify(query.receive("garten", "bee"), "bee")
    await page.goto(dashboard.url)
    await listening(page)
    await page.evaluate("window.notReloaded = true")
    query.hold_back()

    await expect(page.locator("#pulse")).to_contain_text("Verbindung wird wiederhergestellt")
    await expect(page.locator("#lost")).to_be_visible()
    query.classify(query.receive("garten", "lepi"), "lepi")
    query.let_go()

    await expect(page.locator("#pulse")).to_contain_text("Live")
    await expect(page.get_by_test_id("gallery").get_by_text("Schmetterling", exact=True)).to_be_visible()
    await expect(page.locator("#count-today")).to_have_text("2")
    await expect(page.locator("#lost")).to_be_hidden()
    assert await page.evaluate("window.notReloaded")


async def test_dashboard_that_starts_anew_gets_its_pages_back(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    query.classify(query.receive("garten", "bee"), "bee")
    await page.goto(f"{dashboard.url}?lang=en")
    await listening(page)

    await dashboard.stop()
    await expect(page.locator("#pulse")).to_contain_text("Reconnecting")
    await dashboard.start()

    await expect(page.locator("#pulse")).to_contain_text("Live")
    await listening(page)
    query.classify(query.receive("garten", "lepi"), "lepi")
    await expect(page.locator("#podium")).to_contain_text("Butterfly or moth")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_chosen_day_stands_in_the_address_and_today_is_always_there(query, dashboard, page) -> None:
    query.add_camera("garten", "Garten 1")
    before = datetime.now(UTC) - timedelta(days=3)
    for label in ("wasp", "wasp", "bee"):
        query.classify(query.receive("garten", label, before), label)
    await page.goto(f"{dashboard.url}day")
    await expect(page.locator("#day-blank")).to_contain_text("Heute war noch niemand da")
    await expect(page.locator("#days option")).to_have_count(2)

    await page.locator("#earlier").click()

    await expect(page.locator("#podium")).to_contain_text("2 Besuche · 67 %")
    day = query.runs[next(iter(query.runs))].local_date.isoformat()
    assert f"day={day}" in page.url
    await page.reload()
    await expect(page.locator("#podium")).to_contain_text("Faltenwespe")
    await expect(page.locator("#days")).to_have_value(day)
    await page.get_by_role("link", name="EN", exact=True).click()
    await expect(page.locator("#podium")).to_contain_text("Vespid wasp")
    assert f"day={day}" in page.url
    await page.get_by_role("button", name="One day later").click()
    await expect(page.locator("#day-blank")).to_contain_text("Nobody has been here yet today")


@pytest.mark.parametrize("language", ["de", "en"])
async def test_nothing_is_cut_off_on_a_phone(query, dashboard, page, language) -> None:
    query.add_camera("garten", "Eine Kamera mit einem wirklich langen Namen", "Im Botanischen Garten der Universität")
    for label in ("hfly_myathr", "hfly_eristal", "hfly_syrphus", "other", "beetle_oedem", "lepi", "bug_grapho"):
        query.classify(query.receive("garten", label), label, 0.55)
    await page.set_viewport_size(PHONE)
    await page.goto(f"{dashboard.url}?lang={language}")
    await listening(page)
    await expect(page.locator("#podium li")).to_have_count(3)

    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    cut = (
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert await page.evaluate(cut) == 0
