"""Fixtures that all tests share."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from krabbel.stack import EVERYTHING
from tests.stack_fixture import RunningStack, missing, running_stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM_OPTIONS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """RabbitMQ, MongoDB and the object store, started once, without any service: yours to fill.

    Mark tests that use it ``@pytest.mark.stack``. Kill nothing here: others use it too (see ``running_stack``).
    """
    with running_stack(tmp_path_factory.mktemp("backends")) as running:
        yield running


@pytest.fixture(scope="session")
def krabbel_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The whole system behind its proxy, on servers of its own, started once.

    A test may kill parts (``krabbel_system.embedded.kill("broker")``) if it waits until they are back.
    """
    with running_stack(tmp_path_factory.mktemp("system"), EVERYTHING) as running:
        yield running


def chromium() -> str | None:
    """Return the machine's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The machine's Chromium, without a window. Playwright's own download is not needed.

    Once a module, not once for all: Playwright's loop runs in this thread until it ends, and no asyncio test can run
    beside it.
    """
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        missing("Chromium is missing: `make test` installs it, or `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A fresh page with nothing remembered."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="de-DE")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()
