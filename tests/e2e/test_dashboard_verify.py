"""What an editor decides, on the whole system: from a key pressed in the page to the counts, and back by undo."""

import time
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Page, expect

from proto.user import UserRole
from tests.e2e.test_dashboard_archive import faults, visits
from tests.e2e.test_whole_path import Api
from tests.support.people import session_of, sign_in

__all__ = ["faults", "visits"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def eventually(look: Callable[[], object], wanted: object) -> None:
    """Wait until the service says so; it is asked, not the page."""
    patience = time.monotonic() + 15
    while (seen := look()) != wanted and time.monotonic() < patience:
        time.sleep(0.1)
    assert seen == wanted


@pytest.fixture
def api(krabbel_system) -> Api:
    return Api(krabbel_system)


@pytest.fixture(autouse=True)
def editor(krabbel_system, page: Page) -> None:
    """Somebody who may verify is signed in."""
    token = session_of(krabbel_system.env, "Anna Käfer", UserRole.EDITOR)
    sign_in(page.context, krabbel_system.base_url, token)


def label_of(api: Api, run_id: str) -> Callable[[], object]:
    return lambda: (api.get(f"/runs/{run_id}")["run"]["verification"] or {}).get("label")


def test_one_run_is_corrected_by_keyboard_counted_anew_and_taken_back(
    krabbel_system, api, visits, page: Page, faults
) -> None:
    run = visits[81_002]
    day = run["local_date"]

    def insects() -> int:
        return int(api.get("/stats/classes", day=day)["insects"])

    before = insects()
    page.goto(f"{krabbel_system.base_url}/verify?lang=de&run={run['run_id']}")
    expect(page.locator("#confirm")).to_contain_text("Streifenwanze")
    expect(page.locator("#choices li")).to_have_count(5)

    page.keyboard.press("n")
    expect(page.locator("#palette")).to_be_visible()
    page.locator("#palette").get_by_role("button", name="Vogel").click()

    eventually(label_of(api, run["run_id"]), "none_bird")
    eventually(insects, before - 1)
    expect(page.locator("#recent li").first).to_contain_text("Vogel")
    expect(page.locator("#recent-count")).to_contain_text("1 Besuch")

    page.get_by_role("button", name="Bilanz").click()
    expect(page.locator("#agreement-rows")).to_contain_text("Vogel 1")
    page.get_by_role("button", name="Einzeln").click()
    page.keyboard.press("u")

    eventually(label_of(api, run["run_id"]), None)
    eventually(insects, before)
    expect(page.locator("#confirm")).to_contain_text("Streifenwanze")
    page.goto(f"{krabbel_system.base_url}/archive?lang=en&run={run['run_id']}")
    expect(page.locator("#history")).to_contain_text("Bird")
    expect(page.locator("#history")).to_contain_text("Check withdrawn")


def test_many_runs_are_confirmed_at_once_and_the_archive_shows_by_whom(
    krabbel_system, api, visits, page: Page, faults
) -> None:
    butterflies = [visits[81_001]["run_id"], visits[81_003]["run_id"]]
    page.goto(f"{krabbel_system.base_url}/verify?lang=en&mode=many&class=lepi&day={visits[81_001]['local_date']}")
    tiles = page.locator("#grid button")
    expect(tiles.first).to_be_visible()

    tiles.first.click()
    tiles.last.click(modifiers=["Shift"])
    count = tiles.count()
    expect(page.locator("#grid-count")).to_contain_text(f"{count} selected")
    page.keyboard.press("Enter")

    for run_id in butterflies:
        eventually(label_of(api, run_id), "lepi")
    expect(page.locator("#recent li").first).to_contain_text("Butterfly or moth")
    page.goto(f"{krabbel_system.base_url}/archive?lang=en&verified=true&class=lepi")
    expect(page.locator("#wall li")).to_have_count(count)
    expect(page.locator("#wall li").first).to_contain_text("confirmed")
    assert api.get(f"/runs/{butterflies[0]}")["run"]["verification"]["verified_by"] == "Anna Käfer"


def test_decisions_are_taken_from_our_own_pages_only(krabbel_system, visits) -> None:
    body = {"items": [{"run_id": visits[81_002]["run_id"], "label": "ant"}]}
    answer = requests.post(f"{krabbel_system.base_url}/ui/api/verifications", json=body, timeout=10)

    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_refused_decision_is_said_and_the_run_stands_in_the_queue_again(
    krabbel_system, visits, page: Page, faults
) -> None:
    page.route("**/ui/api/verifications", lambda route: route.abort())
    page.goto(f"{krabbel_system.base_url}/verify?lang=de&run={visits[81_002]['run_id']}")
    expect(page.locator("#confirm")).to_contain_text("Streifenwanze")

    page.keyboard.press("Enter")

    expect(page.locator("#said")).to_contain_text("Nicht gespeichert")
    expect(page.locator("#confirm")).to_contain_text("Streifenwanze")
    expect(page.locator("#recent li").first).to_contain_text("nicht gespeichert")
