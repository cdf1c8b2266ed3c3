"""Where a camera stands, as exactly as its owner wants the public to know. Plain code."""

import math
from typing import Any

from proto.camera import Camera

METRES_PER_DEGREE = 111_320.0


def coarse(latitude: float, longitude: float, uncertainty_m: float) -> tuple[float, float]:
    """Return the centre of the grid square, ``uncertainty_m`` wide, in which the place lies.

    A grid, not noise: the same place always gives the same square, so averaging many answers tells nothing more.
    """
    step = uncertainty_m / METRES_PER_DEGREE
    north = min(90.0, max(-90.0, (math.floor(latitude / step) + 0.5) * step))
    east_step = step / max(0.01, math.cos(math.radians(north)))
    east = min(180.0, max(-180.0, (math.floor(longitude / east_step) + 0.5) * east_step))
    digits = max(0, min(6, math.ceil(-math.log10(step)) + 1))
    return round(north, digits), round(east, digits)


def public_place(camera: Camera) -> tuple[float | None, float | None]:
    """Return the coordinates that may be published."""
    if camera.latitude is None or camera.longitude is None:
        return None, None
    if camera.coordinate_uncertainty_m:
        return coarse(camera.latitude, camera.longitude, camera.coordinate_uncertainty_m)
    return camera.latitude, camera.longitude


def public_camera(camera: Camera) -> dict[str, Any]:
    """Return what may be published of a camera."""
    latitude, longitude = public_place(camera)
    return camera.model_dump(mode="json") | {"latitude": latitude, "longitude": longitude}
