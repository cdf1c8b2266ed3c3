"""New pictures of the dashboard for README and docs: ``make screenshots``.

Starts the whole system in a temporary folder, lets simulated traps upload a day and some live insects (all drawn, with
a fixed seed), and photographs the page as a desktop and as a phone see it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from krabbel.stack import EVERYTHING, EmbeddedStack
from tests.conftest import CHROMIUM_OPTIONS, chromium

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
VIEWS = {
    "dashboard-desktop.png": {"viewport": {"width": 1440, "height": 1000}},
    "dashboard-phone.png": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}


def main() -> None:
    """Make the pictures."""
    with (
        tempfile.TemporaryDirectory(prefix="krabbel-screenshots-") as folder,
        EmbeddedStack(folder, (*BACKENDS, *SERVICES)) as stack,
        sync_playwright() as playwright,
    ):
        simulate(stack)
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        photograph(browser, stack.urls["public"])
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
