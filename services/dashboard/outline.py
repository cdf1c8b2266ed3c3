"""The small map beside a run: countries around a place, drawn from data of our own. No tiles, no outside request.

Plain code. An equirectangular map, true to scale at the place's latitude; everything comes as SVG path data.
"""

import gzip
import json
import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "countries.json.gz"
WIDTH, HEIGHT = 400.0, 300.0
SPAN_DEGREES = 7.0
"""Latitudes from the lower to the upper edge: a country of middle size."""

Point = tuple[float, float]
Ring = list[Point]
Bounds = tuple[float, float, float, float]


@cache
def _polygons() -> list[tuple[Bounds, list[Ring]]]:
    """Return all polygons with their bounds (west, south, east, north); degrees."""
    data = json.loads(gzip.decompress(DATA.read_bytes()))
    arcs = [_arc(arc, data["scale"], data["translate"]) for arc in data["arcs"]]
    found = []
    for country in data["countries"]:
        for polygon in country:
            rings = [_ring(numbers, arcs) for numbers in polygon]
            easts, norths = [x for x, _ in rings[0]], [y for _, y in rings[0]]
            found.append(((min(easts), min(norths), max(easts), max(norths)), rings))
    return found


def _arc(deltas: Iterable[tuple[int, int]], scale: list[float], start: list[float]) -> Ring:
    """Return an arc of TopoJSON as degrees: it holds the steps between neighbours on a grid."""
    x = y = 0
    points = []
    for step_x, step_y in deltas:
        x, y = x + step_x, y + step_y
        points.append((x * scale[0] + start[0], y * scale[1] + start[1]))
    return points


def _ring(numbers: Iterable[int], arcs: list[Ring]) -> Ring:
    """Return the ring that arcs make; ``~number`` is an arc walked backwards."""
    points: Ring = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points.extend(arc[1:] if points else arc)
    return _unwrapped(points)


def _unwrapped(ring: Ring) -> Ring:
    """Return a ring across the date line as one that goes on beyond 180 degrees (Antarctica stays a blank)."""
    points, turns = ring[:1], 0.0
    for before, (east, north) in pairwise(ring):
        if abs(east - before[0]) > 180:
            turns += 360.0 if east < before[0] else -360.0
        points.append((east + turns, north))
    return points


def clipped(ring: Ring, bounds: Bounds) -> Ring:
    """Return the part of a ring within bounds (Sutherland and Hodgman)."""
    west, south, east, north = bounds
    edges: tuple[tuple[int, float, Callable[[float], bool]], ...] = (
        (0, west, lambda value: value >= west),
        (0, east, lambda value: value <= east),
        (1, south, lambda value: value >= south),
        (1, north, lambda value: value <= north),
    )
    for axis, edge, inside in edges:
        kept: Ring = []
        for before, point in pairwise([*ring[-1:], *ring]):
            if inside(before[axis]) != inside(point[axis]):
                part = (edge - before[axis]) / (point[axis] - before[axis])
                kept.append((before[0] + part * (point[0] - before[0]), before[1] + part * (point[1] - before[1])))
            if inside(point[axis]):
                kept.append(point)
        ring = kept
    return ring


def outline(
    latitude: float, longitude: float, uncertainty_m: float | None = None, span_degrees: float = SPAN_DEGREES
) -> dict[str, Any]:
    """Return the map around a place, ``span_degrees`` of latitude high.

    Returns:
        ``land``: path data, one a polygon; ``lines``: meridians and parallels with their degrees; ``point``: the
        place; ``radius``: how far off it may be, in the map's units; ``scale_km``: what 100 units are; ``degree``: a
        degree of longitude and one of latitude in the map's units, to find the place under a point.
    """
    centre = min(90 - span_degrees / 2, max(span_degrees / 2 - 90, latitude))
    unit = HEIGHT / span_degrees
    east_unit = unit * max(0.05, math.cos(math.radians(centre)))
    half = WIDTH / 2 / east_unit
    window = (longitude - half, centre - span_degrees / 2, longitude + half, centre + span_degrees / 2)

    def placed(point: Point) -> Point:
        return round((point[0] - window[0]) * east_unit, 1), round((window[3] - point[1]) * unit, 1)

    radius = (uncertainty_m or 0) / 2 / 111_320 * unit
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "land": [path for path in (_path(rings, window, placed) for rings in _near(window)) if path],
        "lines": _lines(window, placed),
        "point": placed((longitude, latitude)),
        "radius": round(radius, 1),
        "scale_km": round(100 / unit * 111.32),
        "degree": (east_unit, unit),
    }


def _near(window: Bounds) -> Iterable[list[Ring]]:
    """Yield the polygons that reach into the window; those beyond the date line too."""
    west, south, east, north = window
    for turn in (0.0, -360.0, 360.0):
        for (left, bottom, right, top), rings in _polygons():
            if left + turn <= east and right + turn >= west and bottom <= north and top >= south:
                yield rings if not turn else [[(x + turn, y) for x, y in ring] for ring in rings]


def _path(rings: list[Ring], window: Bounds, placed: Callable[[Point], Point]) -> str:
    # A little beyond the edges, so that the cut is not seen as a border.
    beyond = (window[0] - 0.2, window[1] - 0.2, window[2] + 0.2, window[3] + 0.2)
    parts = []
    for ring in rings:
        points = [placed(point) for point in clipped(ring, beyond)]
        if len(points) > 2:
            parts.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z")
    return "".join(parts)


def _lines(window: Bounds, placed: Callable[[Point], Point]) -> list[dict[str, Any]]:
    west, south, east, north = window
    step = 1 if east - west < 6 else 2 if east - west < 20 else 10
    lines: list[dict[str, Any]] = []
    for degree in range(math.ceil(south / step) * step, math.floor(north) + 1, step):
        lines.append({"axis": "latitude", "degree": degree, "at": placed((west, degree))[1]})
    for degree in range(math.ceil(west / step) * step, math.floor(east) + 1, step):
        turned = (degree + 180) % 360 - 180
        lines.append({"axis": "longitude", "degree": turned, "at": placed((degree, south))[0]})
    return lines
