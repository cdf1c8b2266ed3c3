"""Where a camera stands, as an export may tell it."""

import math
from functools import cache
from importlib import resources
from typing import NamedTuple

from proto.camera import Camera
from services.query.places import METRES_PER_DEGREE, public_place


class Place(NamedTuple):
    """Coordinates that may be published, and how far off the true place may be (0: not coarsened)."""

    latitude: float
    longitude: float
    uncertainty_m: int

    @property
    def precision(self) -> float | None:
        """The grid's step in degrees, where the place was coarsened."""
        return float(f"{self.uncertainty_m / METRES_PER_DEGREE:.2g}") if self.uncertainty_m else None


def place_of(camera: Camera | None) -> Place | None:
    """Return the camera's public place, coarsened as its owner wants; None where it has no coordinates.

    The grid's square is ``coordinate_uncertainty_m`` wide, so a circle of that radius around its centre holds the true
    place (its corners are 0.71 of it away).
    """
    if camera is None:
        return None
    latitude, longitude = public_place(camera)
    if latitude is None or longitude is None:
        return None
    return Place(latitude, longitude, math.ceil(camera.coordinate_uncertainty_m or 0))


@cache
def _countries() -> dict[str, str]:
    text = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return {row[2]: row[0] for row in rows}


def country_of(timezone: str) -> str:
    """Return the ISO 3166 code of the country of a time zone (tz database, ``zone.tab``), empty where it has none."""
    return _countries().get(timezone, "")
