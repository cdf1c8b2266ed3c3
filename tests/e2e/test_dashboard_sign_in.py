"""Signing in on the whole system, in a browser, as a person does it: behind the real proxy, with a real password."""

import re
import subprocess
import sys
import time

import pytest
import requests
from playwright.sync_api import Page, expect

from proto.user import UserRole
from tests.support.people import PASSWORD, session_of, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAME = "Zoë Hummel"


def krabbel(system, *arguments: str) -> None:
    command = [sys.executable, "-m", "krabbel", "user", *arguments, "--data-dir", str(system.data_dir)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_editor_signs_in_by_keyboard_and_loses_everything_when_the_role_is_taken_away(
    krabbel_system, page: Page
) -> None:
    session_of(krabbel_system.env, NAME, UserRole.EDITOR)  # makes the person
    url = krabbel_system.base_url
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/?lang=de")
    page.get_by_role("link", name="Anmelden").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type("falsch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Name oder Passwort stimmt nicht")
    expect(page.get_by_label("Name")).to_have_value(NAME)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    menu = page.locator(".person summary")
    expect(menu).to_have_accessible_name(f"Angemeldet als {NAME}")
    expect(page.get_by_role("link", name="Prüfen")).to_be_visible()
    expect(page.locator("#pulse")).to_have_attribute("data-link", "live")
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "krabbel_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert cookie["value"] not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # The open page is told within five seconds; Krabbel's command is what takes its time here
    krabbel(krabbel_system, "role", NAME, "reader")
    began = time.monotonic()
    expect(page.get_by_role("link", name="Anmelden")).to_be_visible(timeout=5000)
    assert time.monotonic() - began < 5
    headers = {"Cookie": f"krabbel_session={cookie['value']}"}
    answer = requests.get(f"{url}/verify", headers=headers, timeout=10, allow_redirects=False)
    assert "/login" in answer.headers["Location"]


def test_who_is_signed_in_stays_so_over_restarts_and_signs_out_everywhere(krabbel_system, page: Page) -> None:
    url, token = krabbel_system.base_url, session_of(krabbel_system.env, "Berta", UserRole.EDITOR)
    sign_in(page.context, url, token)
    page.goto(f"{url}/verify?lang=en")
    krabbel_system.embedded.restart("dashboard")
    page.goto(f"{url}/?lang=en")
    other = page.context.new_page()
    other.goto(f"{url}/verify?lang=en")

    other.locator(".person summary").click()
    other.get_by_role("button", name="Sign out").click()

    expect(other).to_have_url(re.compile(r"/\?lang=en$"))
    expect(page.get_by_role("link", name="Sign in")).to_be_visible(timeout=5000)
    assert not [cookie for cookie in page.context.cookies() if cookie["name"] == "krabbel_session"]
