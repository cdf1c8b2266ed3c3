"""What an operator does on the whole system: a camera with its key, an upload with it, and the key revoked."""

import time
from datetime import timedelta

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from proto.user import UserRole
from tests.e2e.test_dashboard_archive import faults
from tests.e2e.test_whole_path import crops_of, now_at_the_camera
from tests.support.deployed_trap import send_run
from tests.support.people import session_of, sign_in

__all__ = ["faults"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(autouse=True)
def administrator(krabbel_system, page: Page) -> None:
    """Somebody who may administer is signed in."""
    sign_in(page.context, krabbel_system.base_url, session_of(krabbel_system.env, "Olga Oper", UserRole.ADMIN))


def upload(system, key: str, track: int) -> requests.Response:
    """Send a run as a deployed trap does."""
    end = now_at_the_camera()
    start = end - timedelta(seconds=4)
    return send_run(f"{system.base_url}/classify", key, track, start, end, crops_of("bee", track, 2, track, start))


def test_camera_gets_a_key_uploads_with_it_and_is_turned_away_once_it_is_revoked(
    krabbel_system, page: Page, faults
) -> None:
    # Given a new camera, made with the place as a map page gives it to copy
    page.goto(f"{krabbel_system.base_url}/admin?lang=de&section=cameras")
    page.get_by_role("button", name="Neue Kamera").click()
    dialog = page.locator("#camera-dialog")
    dialog.get_by_label("Name", exact=True).fill("Prüfgarten")
    dialog.get_by_label("Breite").fill("52,39")
    dialog.get_by_role("button", name="Kamera anlegen").click()
    expect(dialog.get_by_role("alert")).to_contain_text("braucht beide Zahlen")
    dialog.get_by_label("Länge").fill("13.0645")
    dialog.get_by_label("Zeitzone").fill("Europe/Berlin")
    dialog.get_by_role("button", name="Kamera anlegen").click()
    # Then its key is shown, once, with all that a trap needs
    secret = page.locator("#secret-key")
    expect(secret).to_contain_text("krabbel_")
    key = secret.inner_text()
    expect(page.locator("#secret-curl")).to_contain_text(f"{krabbel_system.base_url}/classify/1")
    page.get_by_role("button", name="Ich habe ihn aufbewahrt").click()
    row = page.locator("#cameras-list [data-id='pruefgarten']")
    expect(row).to_contain_text("noch nichts gehört")
    expect(row).to_contain_text("52,3900, 13,0645")
    assert key not in page.content()

    # When it uploads, then it is awake
    assert upload(krabbel_system, key, 82_001).ok
    expect(row).to_contain_text("wach", timeout=20_000)

    # When its key is revoked, then the next upload is refused
    page.get_by_role("link", name="Schlüssel", exact=True).click()
    assert "section=keys" in page.url
    page.get_by_role("button", name="Sperren: Prüfgarten").click()
    page.get_by_role("button", name="Abbrechen").click()
    expect(page.get_by_role("button", name="Sperren: Prüfgarten")).to_be_visible()
    page.get_by_role("button", name="Sperren: Prüfgarten").click()
    page.locator("#sure-yes").click()
    expect(page.get_by_role("button", name="Sperren: Prüfgarten")).to_have_count(0)
    patience = time.monotonic() + 15
    while upload(krabbel_system, key, 82_002).ok and time.monotonic() < patience:
        time.sleep(0.5)
    assert upload(krabbel_system, key, 82_003).status_code == 403

    # And nothing of it keeps anybody out
    for section in page.locator(".sections a").all():
        section.click()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(400)  # fading parts have other colours meanwhile
        found = Axe().run(page).response["violations"]
        assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")], section.inner_text()


def test_export_is_started_watched_and_taken_away(krabbel_system, page: Page, faults) -> None:
    page.goto(f"{krabbel_system.base_url}/admin?lang=en&section=exports")
    page.get_by_role("radio", name="JSON lines").check()
    page.get_by_role("button", name="Start export").click()
    job = page.locator("#exports-list > li").first
    expect(job).to_contain_text("done")
    with page.expect_download() as download:
        job.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".ndjson")
