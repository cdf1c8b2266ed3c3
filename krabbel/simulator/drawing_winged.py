"""Butterflies and scorpionflies: what is known by the pattern of its wings."""

from __future__ import annotations

import random
from collections.abc import Sequence

from krabbel.simulator.drawing_parts import BLACK, SIDES, antennae, legs, step, wing
from krabbel.simulator.drawing_sketch import Colour, Point, Pose, Shell, Sketch, mix, vary

FORE: tuple[Point, ...] = (
    (0.16, 0.03),
    (0.3, 0.2),
    (0.42, 0.48),
    (0.44, 0.62),
    (0.36, 0.66),
    (0.2, 0.56),
    (0.06, 0.42),
    (0.02, 0.05),
)
HIND: tuple[Point, ...] = (
    (0.06, 0.04),
    (0.1, 0.4),
    (0.0, 0.52),
    (-0.16, 0.54),
    (-0.32, 0.44),
    (-0.38, 0.26),
    (-0.3, 0.08),
)


def smooth(points: Sequence[Point]) -> list[Point]:
    """Chaikin's corner cutting, twice."""
    ring = list(points)
    for _ in range(2):
        cut: list[Point] = []
        for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
            cut += [(0.75 * ax + 0.25 * bx, 0.75 * ay + 0.25 * by), (0.25 * ax + 0.75 * bx, 0.25 * ay + 0.75 * by)]
        ring = cut
    return ring


def lepi(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A butterfly: tortoiseshell, white, blue or marbled white; wings open and close from frame to frame."""
    kind = rng.choice(["tortoiseshell", "white", "blue", "marbled"])
    base: Colour = {
        "tortoiseshell": (222, 108, 30),
        "white": (242, 240, 226),
        "blue": (98, 132, 214),
        "marbled": (240, 234, 212),
    }[kind]
    base, rim = vary(rng, base, 7), (44, 32, 26)
    open_ = 0.5 + 0.5 * pose.wings
    blots = [(rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)) for _ in range(12)]

    def put(points: Sequence[Point], side: int) -> list[Point]:
        return [(x, side * y * open_) for x, y in points]

    def toward(points: Sequence[Point], centre: Point, share: float) -> list[Point]:
        return [(x + (centre[0] - x) * share, y + (centre[1] - y) * share) for x, y in points]

    for side in SIDES:
        for outline, heart in ((HIND, (-0.08, 0.24)), (FORE, (0.2, 0.3))):
            ring = smooth(outline)
            s.area(put(ring, side), rim if kind != "white" else mix(base, (90, 80, 70), 0.25))
            s.area(
                put(toward(ring, heart, 0.1 if kind != "marbled" else 0.04), side),
                base if kind != "marbled" else rim,
                1.0,
                0.0,
            )
            s.area(put(toward(ring, (0.05, 0.03), 0.55), side), mix(base, rim, 0.25), 0.5, 0.0)
        spots: list[tuple[Point, float, Colour]]
        if kind == "tortoiseshell":
            spots = [
                ((0.27, 0.26), 0.045, rim),
                ((0.32, 0.4), 0.045, rim),
                ((0.14, 0.36), 0.04, rim),
                ((0.2, 0.2), 0.03, (240, 200, 90)),
            ]
            spots += [((0.36, 0.5), 0.025, (246, 240, 220)), ((-0.12, 0.16), 0.09, rim)]
            spots += [((-0.34 + 0.09 * k, 0.39 + 0.035 * k), 0.018, (110, 150, 220)) for k in range(4)]
        elif kind == "white":
            spots = [
                ((0.4, 0.57), 0.06, rim),
                ((0.34, 0.6), 0.045, rim),
                ((0.2, 0.36), 0.032, rim),
                ((0.06, 0.36), 0.024, rim),
            ]
        elif kind == "blue":
            spots = [((-0.3 + 0.1 * k, 0.38 + 0.03 * k), 0.012, rim) for k in range(4)]
        else:
            cells = [(0.14, 0.12), (0.24, 0.24), (0.16, 0.3), (0.3, 0.36), (0.22, 0.44), (0.36, 0.5), (0.28, 0.55)]
            cells += [(-0.02, 0.14), (-0.1, 0.28), (-0.22, 0.2), (-0.2, 0.38), (-0.04, 0.42)]
            spots = [((x + dx, y + dy), 0.052, base) for (x, y), (dx, dy) in zip(cells, blots, strict=True)]
        for (x, y), size, colour in spots:
            s.oval((x, side * y * open_), size, size * 0.85 * open_, colour, cast=0)
        for angle in (18, 36, 54, 76, 108, 128, 148):
            tip = step((0.06, 0.03), angle, 0.44, 1)
            s.line([(0.06, side * 0.03), (tip[0], side * tip[1] * open_)], 0.006, rim, 0.3, 0.0)
    trunk = Shell((0.26, 0), 180, 0.56, 0.04, 0.8, 0.4)
    s.body(trunk, mix(rim, (110, 90, 60), 0.3))
    s.fur(trunk, rng, [mix(rim, base, 0.4)], 24, 0.025, (0, 0.5))
    s.oval((0.28, 0), 0.036, 0.04, rim)
    antennae(s, pose, (0.3, 0.015), 0.34, 0.013, rim, spread=30, elbow=6, club=0.014)


def scorpionfly(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Scorpionfly: a beak, spotted wings swept back in a V, a yellow and black body, a red bulb at the tail."""
    yellow, black = vary(rng, (206, 166, 62)), vary(rng, (34, 28, 24), 5)
    male = rng.random() < 0.7
    legs(s, pose, (0.24, 0.17, 0.1), 0.04, (0.4, 0.42, 0.54), 0.02, (150, 112, 56))
    abdomen = Shell((0.12, 0), 180, 0.46, 0.055, 0.85, 0.35)
    s.body(abdomen, yellow)
    for t in (0.08, 0.26, 0.44, 0.62, 0.8):
        s.mark(abdomen, (t, t + 0.09), (-1, 1), black)
    red = vary(rng, (178, 58, 28), 8)
    s.line([(-0.32, 0), (-0.4, 0.01)], 0.045, red)
    if male:
        s.oval((-0.46, 0.015), 0.075, 0.052, red)
        s.line([(-0.5, 0.03), (-0.55, 0.0)], 0.02, BLACK)
    chest = Shell((0.3, 0), 180, 0.24, 0.07, 1.0, 0.45)
    s.body(chest, black)
    s.mark(chest, (0.1, 0.9), (-0.3, 0.3), yellow)
    s.shade(chest)
    s.oval((0.33, 0), 0.045, 0.055, black)
    s.line([(0.35, 0), (0.5, 0.012)], 0.038, red)
    for side in SIDES:
        s.oval((0.34, side * 0.045), 0.024, 0.02, BLACK, cast=0)
    antennae(s, pose, (0.37, 0.015), 0.42, 0.013, BLACK, spread=30, elbow=14)
    ink = vary(rng, (46, 34, 28), 4)
    for side in SIDES:
        for lag, long in ((14, 0.62), (0, 0.68)):
            angle = 158 + lag * 0.7 - 26 * pose.wings
            w = wing(
                s,
                (0.22 - lag * 0.005, 0.05),
                angle,
                long,
                0.2,
                (206, 190, 130),
                side=side,
                alpha=0.42,
                vein=ink,
                veins=5,
            )
            s.mark(w, (0.88, 1), (-1, 1), ink, alpha=0.88)
            s.mark(w, (0.64, 0.75), (-1, 0.9), ink, alpha=0.85, bow=0.05)
            s.mark(w, (0.4, 0.48), (-1, 0.1), ink, alpha=0.8)
            for t, v in ((0.27, 0.3), (0.48, 0.5), (0.8, 0.35), (0.82, -0.5), (0.56, 0.75)):
                s.oval(w.at(t, v), 0.028, 0.024, ink, alpha=0.85, cast=0)
