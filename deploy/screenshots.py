"""New pictures of the dashboard for README and docs: ``make screenshots``.

Starts the whole system in a temporary folder, lets simulated traps upload a day and some live insects (all drawn, with
a fixed seed, so the pictures may be published), and photographs the page as a desktop and as a phone show it.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from krabbel.stack import EVERYTHING, EmbeddedStack
from proto.user import UserRole
from tests.conftest import CHROMIUM_OPTIONS, chromium
from tests.support.people import session_of, sign_in

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"


@dataclass(frozen=True, slots=True)
class View:
    """One picture."""

    name: str
    width: int
    height: int
    language: str = "de"
    scheme: str = "light"
    whole: bool = False
    path: str = "/"
    ready: str = "[data-testid=gallery] img"
    """What must be there before the picture is taken."""
    role: UserRole | None = None
    """Who looks; None: a visitor."""


DAY, SEASON = "#classes-chart .tools", "#uptime .tools"
VIEWS = (
    View("dashboard-desktop", 1400, 900),
    View("dashboard-phone", 390, 844),
    View("dashboard-desktop-whole-en", 1400, 900, "en", whole=True),
    View("dashboard-phone-whole-en", 390, 844, "en", whole=True),
    View("dashboard-desktop-dark", 1400, 900, scheme="dark"),
    View("day", 1400, 900, path="/day", ready=DAY, whole=True),
    View("day-phone-dark-en", 390, 844, "en", "dark", path="/day", ready=DAY),
    View("season-en", 1400, 900, "en", path="/season", ready=SEASON, whole=True),
    View("season-phone", 390, 844, path="/season", ready=SEASON),
    View("archive-en", 1400, 900, "en", path="/archive", ready="#wall img"),
    View("verify", 1400, 900, path="/verify", ready="main img", role=UserRole.EDITOR),
    View("login", 1400, 900, path="/login", ready="form.panel"),
    View("login-phone-dark-en", 390, 844, "en", "dark", path="/login", ready="form.panel"),
    View("admin-work-en", 1400, 900, "en", path="/admin", ready="#workers-list .entry", role=UserRole.ADMIN),
    View("admin-cameras", 1400, 900, path="/admin?section=cameras", ready="#cameras-list .entry", role=UserRole.ADMIN),
    View("stories-en", 1400, 900, "en", path="/stories", ready="#stories-day:not(:empty)"),
)


def simulate(stack: EmbeddedStack) -> None:
    """Fill the day: runs of past hours, then some live ones."""
    options = [
        "--history",
        "260",
        "--history-days",
        "24",
        "--cameras",
        "3",
        "--runs",
        "18",
        "--rate",
        "3",
        "--frames",
        "8",
        "--quiet",
    ]
    command = [sys.executable, "-m", "krabbel", "simulate", "--data-dir", str(stack.folder.root), *options]
    subprocess.run(command, check=True, timeout=600)


def photograph(browser: Browser, stack: EmbeddedStack, view: View) -> None:
    """Take one picture of the open page."""
    url = stack.urls["public"]
    context = browser.new_context(
        viewport={"width": view.width, "height": view.height},
        locale="de-DE" if view.language == "de" else "en-GB",
        color_scheme="dark" if view.scheme == "dark" else "light",
    )
    if view.role:
        sign_in(context, url, session_of(stack.env, "Redaktion", view.role))
    page = context.new_page()
    joint = "&" if "?" in view.path else "?"
    page.goto(f"{url}{view.path}{joint}lang={view.language}")
    page.wait_for_selector(view.ready)
    page.wait_for_timeout(3000)  # the other pictures and charts
    page.screenshot(path=IMAGES / f"{view.name}.png", full_page=view.whole)
    context.close()
    print(f"docs/images/{view.name}.png")


def main() -> None:
    """Make the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="krabbel-screenshots-") as folder,
        EmbeddedStack(folder, EVERYTHING) as stack,
        sync_playwright() as playwright,
    ):
        simulate(stack)
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_OPTIONS)
        for view in VIEWS:
            photograph(browser, stack, view)
        browser.close()


if __name__ == "__main__":
    main()
