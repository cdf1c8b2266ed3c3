"""Butterflies, scorpionflies, and the class `other`: spider, bush-cricket, ichneumon wasp, lacewing."""

from __future__ import annotations

import math
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


def spider(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A crab or garden spider: eight legs, two body parts."""
    coat = vary(rng, rng.choice([(150, 116, 74), (196, 176, 92), (92, 72, 52)]), 8)
    dark = mix(coat, (0, 0, 0), 0.55)
    legs(
        s,
        pose,
        (0.24, 0.18, 0.12, 0.06),
        0.09,
        (0.66, 0.6, 0.44, 0.6),
        0.034,
        mix(coat, dark, 0.4),
        (38, 72, 106, 142),
        dark,
    )
    rear = Shell((0.06, 0), 180, 0.52, 0.2, 1.0, 0.6)
    s.body(rear, coat)
    s.mark(rear, (0.08, 0.85), (-0.16, 0.16), mix(coat, (250, 240, 210), 0.65))
    for t in (0.24, 0.44, 0.62):
        s.mark(rear, (t, t + 0.07), (-0.75, 0.75), mix(coat, (250, 240, 210), 0.55), bow=0.12)
    s.shade(rear, 0.12)
    front = Shell((0.32, 0), 180, 0.3, 0.13, 1.1, 0.55)
    s.body(front, dark)
    s.shade(front, 0.22)


def cricket(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A bush-cricket: leaf green, a wedge with huge hind legs and hair-thin feelers longer than itself."""
    green = vary(rng, rng.choice([(92, 150, 44), (70, 124, 40)]), 9)
    dark = mix(green, (0, 0, 0), 0.45)
    legs(s, pose, (0.3, 0.22), 0.07, (0.4, 0.36), 0.022, green, (48, 92))
    for side in SIDES:
        lift = 5 * math.sin(pose.phase + side)
        knee = step((0.1, side * 0.06), 152 + lift, 0.5, side)
        foot = step(knee, 46 + lift, 0.5, side)
        s.area([(0.13, side * 0.03), (0.06, side * 0.12), knee, (knee[0] + 0.02, knee[1] - side * 0.025)], green)
        s.line([knee, foot, step(foot, 120, 0.08, side)], 0.02, dark)
    trunk = Shell((0.42, 0), 180, 0.92, 0.105, 0.75, 0.5)
    s.body(trunk, green)
    s.mark(trunk, (0.1, 0.95), (-0.14, 0.14), mix(green, (110, 70, 30), 0.7))
    s.shade(trunk, 0.14)
    s.oval((0.42, 0), 0.075, 0.08, mix(green, (200, 220, 120), 0.25))
    for side in SIDES:
        s.oval((0.44, side * 0.065), 0.022, 0.02, BLACK, cast=0)
    antennae(s, pose, (0.48, 0.02), 0.9, 0.009, dark, spread=26, elbow=26)


def ichneumon(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """An ichneumon wasp: orange-brown stalk of a body, long curled feelers, a sting as long as the tail."""
    orange = vary(rng, rng.choice([(204, 112, 34), (172, 84, 34)]), 8)
    legs(s, pose, (0.28, 0.2, 0.12), 0.05, (0.44, 0.46, 0.64), 0.022, mix(orange, (230, 160, 50), 0.5))
    s.line([(-0.4, 0.0), (-0.66, 0.04)], 0.012, BLACK)
    s.line([(0.1, 0), (-0.1, 0)], 0.022, orange)
    rear = Shell((-0.04, 0), 180, 0.42, 0.058, 1.3, 0.7)
    s.body(rear, orange)
    s.mark(rear, (0.75, 1), (-1, 1), BLACK)
    chest = Shell((0.34, 0), 180, 0.26, 0.07, 1.0, 0.45)
    s.body(chest, BLACK)
    s.shade(chest, 0.2)
    s.oval((0.38, 0), 0.045, 0.065, BLACK)
    antennae(s, pose, (0.41, 0.02), 0.62, 0.016, (40, 30, 22), spread=22, elbow=75)
    for side in SIDES:
        wing(
            s, (0.24, 0.06), 162 - 40 * pose.wings, 0.56, 0.13, (150, 120, 70), side=side, alpha=0.34, beat=pose.flutter
        )


def lacewing(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A green lacewing: pale green thread between four large netted wings, gold eyes."""
    green = vary(rng, (150, 196, 96), 8)
    legs(s, pose, (0.3, 0.24, 0.16), 0.03, (0.3, 0.3, 0.34), 0.016, green)
    trunk = Shell((0.38, 0), 180, 0.76, 0.042, 0.8, 0.3)
    s.body(trunk, green)
    s.mark(trunk, (0.05, 0.95), (-0.25, 0.25), mix(green, (250, 250, 190), 0.7))
    s.oval((0.4, 0), 0.04, 0.052, green)
    for side in SIDES:
        s.oval((0.41, side * 0.045), 0.02, 0.018, (206, 160, 40), cast=0)
        for angle, long in ((150, 0.66), (132, 0.74)):
            w = wing(
                s,
                (0.25, 0.03),
                angle + 14 - 28 * pose.wings,
                long,
                0.26,
                (214, 232, 206),
                side=side,
                alpha=0.42,
                vein=(70, 120, 60),
                veins=6,
            )
            for t in (0.2, 0.34, 0.5, 0.64, 0.78):
                s.line([w.at(t, -0.7), w.at(t + 0.04, 0.7)], 0.005, (70, 120, 60), 0.4, 0.0)
    antennae(s, pose, (0.43, 0.015), 0.6, 0.01, (120, 140, 70), spread=20, elbow=12)


def other(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """One of the arthropods that have no class of their own."""
    rng.choices([spider, cricket, ichneumon, lacewing], (5, 3, 3, 2))[0](s, rng, pose)
