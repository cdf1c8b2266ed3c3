"""When answers wait, and when not."""

import pytest

from services.ingest.pressure import slow_down_s


@pytest.mark.parametrize(
    ("share", "waiting_s", "stores_answer", "expected"),
    [
        (0.0, 0.0, True, 0.0),
        (0.4, 4.0, True, 0.0),
        (0.0, 17.5, True, 1.0),
        (0.0, 400.0, True, 2.0),
        (0.0, 400.0, False, 0.0),  # a store is away: waiting helps nobody
        (0.75, 0.0, False, 1.0),  # but the room is running out
        (1.0, 0.0, True, 2.0),
        (0.75, 30.0, True, 2.0),
    ],
)
def test_answers_wait_when_runs_come_faster_than_they_go(share, waiting_s, stores_answer, expected):
    assert slow_down_s(share, waiting_s, stores_answer=stores_answer, longest_s=2.0) == pytest.approx(expected)


def test_the_wait_can_be_switched_off():
    assert slow_down_s(1.0, 100.0, stores_answer=True, longest_s=0.0) == 0.0
