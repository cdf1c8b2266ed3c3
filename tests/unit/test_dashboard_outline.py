"""The small map beside a run: countries around a place, from data of our own."""

import re

import pytest

from services.dashboard.outline import HEIGHT, WIDTH, clipped, outline


def inside(x: float, y: float, path: str) -> bool:
    """Return whether a point lies within a path of straight lines, by the even-odd rule."""
    odd = False
    for ring in path.strip("M").split("M"):
        points = [tuple(map(float, pair.split())) for pair in ring.strip("Z").split("L")]
        for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                odd = not odd
    return odd


@pytest.mark.parametrize(
    ("latitude", "longitude", "on_land"),
    [(52.39, 13.09, True), (54.5, 5.0, False), (-41.3, 174.8, True), (66.1, -171.0, True), (0.0, -140.0, False)],
    ids=["Potsdam", "North Sea", "Wellington", "Chukotka", "Pacific"],
)
def test_place_lies_on_land_or_in_the_sea_as_it_does_on_earth(latitude, longitude, on_land) -> None:
    drawn = outline(latitude, longitude)

    assert drawn["point"] == (WIDTH / 2, HEIGHT / 2)
    assert any(inside(*drawn["point"], path) for path in drawn["land"]) is on_land


@pytest.mark.parametrize("place", [(90.0, 0.0), (-90.0, 180.0), (0.0, -180.0), (71.0, 179.99)])
def test_poles_and_date_line_are_drawn_too(place: tuple[float, float]) -> None:
    drawn = outline(*place)

    assert drawn["lines"]
    assert all(-180 <= line["degree"] < 180 for line in drawn["lines"] if line["axis"] == "longitude")


def test_nothing_is_drawn_far_beyond_the_edges() -> None:
    drawn = outline(52.39, 13.09)
    numbers = [float(number) for path in drawn["land"] for number in re.findall(r"-?[\d.]+", path)]

    assert min(numbers) > -20
    assert max(numbers) < WIDTH + 20


def test_coarse_place_has_a_circle_as_wide_as_it_is_uncertain() -> None:
    assert outline(52.0, 13.0)["radius"] == 0
    assert outline(52.0, 13.0, 100_000)["radius"] == pytest.approx(50 / 111.32 * HEIGHT / 7, abs=0.1)


def test_ring_is_cut_at_the_bounds() -> None:
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]

    assert set(clipped(square, (1.0, 1.0, 2.0, 2.0))) == {(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)}
    assert clipped(square, (5.0, 5.0, 6.0, 6.0)) == []
