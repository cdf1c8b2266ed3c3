"""Fan-out by coalescing: slow pages lose nothing that counts, and hold nobody up."""

from datetime import date

from services.dashboard.hub import Hub, Subscription, Topic
from services.dashboard.state import VISITORS
from tests.unit.test_dashboard_state import run_of

DAY = date(2026, 5, 12)


def test_many_changes_wake_a_page_once_until_it_takes_them() -> None:
    hub, wakes = Hub(), list[str]()
    page = Subscription(lambda: wakes.append("wake"))
    hub.join(page)

    for _ in range(50):
        hub.publish([Topic.TOTALS, DAY])
    assert wakes == ["wake"]

    assert page.take() == ({Topic.TOTALS, DAY}, [])
    hub.publish([Topic.LINK])
    assert wakes == ["wake", "wake"]


def test_slow_page_keeps_the_newest_cards_only_and_each_run_once() -> None:
    page = Subscription(lambda: None)
    for number in range(100):
        page.offer([], run_of(number))
        page.offer([], run_of(number, "bee"))

    _, cards = page.take()

    assert len(cards) == VISITORS
    assert cards[-1].tracking_id == "99"
    assert all(card.result for card in cards)


def test_page_that_left_hears_nothing_and_may_leave_twice() -> None:
    hub, wakes = Hub(), list[str]()
    page = Subscription(lambda: wakes.append("wake"))
    hub.join(page)
    assert len(hub) == 1

    hub.leave(page)
    hub.leave(page)
    hub.publish([Topic.TOTALS])

    assert not wakes
    assert len(hub) == 0
