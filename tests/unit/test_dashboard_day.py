"""What the page "day" says besides counts: facts and the sun."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from proto.camera import Camera
from proto.taxonomy import taxonomy
from services.dashboard.facts import facts
from services.dashboard.sun import place_of, sun_of
from tests.unit.test_dashboard_state import NOON

BERLIN = ZoneInfo("Europe/Berlin")


def test_every_class_has_a_fact_in_both_languages_with_its_source() -> None:
    assert facts().keys() == taxonomy().keys()
    for label, fact in facts().items():
        assert all([fact.de, fact.en, fact.source, fact.checked]), label
        assert fact.de != fact.en, label
        assert fact.doi is None or fact.doi.startswith("10."), label


@pytest.mark.parametrize(
    ("day", "rise", "set_"),
    [
        (date(2026, 6, 21), 5.3, 21.8),  # Cologne, longest day
        (date(2026, 12, 21), 8.5, 16.5),
        (date(2026, 3, 29), 7.3, 20.0),  # the night the clocks go forward
    ],
)
def test_sun_rises_and_sets_by_the_cameras_clock(day: date, rise: float, set_: float) -> None:
    times = sun_of(day, 50.94, 6.96, BERLIN)

    assert times is not None
    assert times.rise == pytest.approx(rise, abs=0.15)
    assert times.set == pytest.approx(set_, abs=0.15)


def test_sun_that_does_not_set_is_not_drawn() -> None:
    assert sun_of(date(2026, 6, 21), 78.2, 15.6, ZoneInfo("Arctic/Longyearbyen")) is None


def test_sun_is_that_of_a_camera_with_a_place() -> None:
    def camera(name: str, zone: str, latitude: float | None) -> Camera:
        return Camera(camera_id=name, name=name, timezone=zone, latitude=latitude, longitude=latitude, created_at=NOON)

    cameras = [camera("a", "Europe/Berlin", None), camera("b", "Asia/Tokyo", 35), camera("c", "Europe/Berlin", 52)]

    chosen = place_of({one.camera_id: one for one in cameras}, BERLIN)
    assert chosen is not None
    assert chosen.name == "c"
    assert place_of({"a": cameras[0]}, BERLIN) is None
