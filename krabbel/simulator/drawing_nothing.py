"""What the detector takes for an insect: nothing at all, shadows, leaves and droppings, birds. One unit is one crop side."""

from __future__ import annotations

import math
import random

from krabbel.simulator.drawing_parts import BLACK, SIDES
from krabbel.simulator.drawing_sketch import Colour, Point, Pose, Shell, Sketch, mix, vary


def background(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Nothing: the platform only."""


def leaf_shape(rng: random.Random, length: float = 0.7) -> Shell:
    """A leaf along x, around the middle."""
    return Shell(
        (length / 2, 0), 180, length, rng.uniform(0.12, 0.2), rng.uniform(0.8, 1.2), 0.85, far=rng.uniform(0.1, 0.2)
    )


def shadow(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """The shadow of a plant or of an insect above; drawn by its cast alone."""
    kind = rng.choice(["leaves", "blade", "visitor"])
    if kind == "visitor":
        s.area(Shell((0.3, 0), 180, 0.6, 0.12).patch(0, 1, -1, 1), BLACK)
        for side in SIDES:
            s.area(Shell((0.08, 0.05), 118, 0.4, 0.11, 1.4, 0.6, side=side).patch(0, 1, -1, 1), BLACK, 0.5)
        return
    stem = [(-0.9, 0.1 + 0.1 * math.sin(pose.phase)), (0.0, 0.0), (0.5, -0.04)]
    s.line(stem, 0.03 if kind == "leaves" else 0.09, BLACK)
    for k in range(rng.randint(2, 4) if kind == "leaves" else 1):
        angle = (40 + 30 * k) * (1 if k % 2 else -1) + 4 * math.sin(pose.phase + k)
        blade = Shell((-0.25 + 0.2 * k, 0), angle, rng.uniform(0.35, 0.55), rng.uniform(0.07, 0.13), 0.9, 0.8)
        s.area(blade.patch(0, 1, -1, 1), BLACK)


def leaf(s: Sketch, rng: random.Random) -> None:
    """A dry or green leaf with its stalk and veins."""
    colour: Colour = rng.choice([(158, 132, 92), (134, 98, 58), (112, 132, 58), (176, 148, 84)])
    colour = vary(rng, colour)
    blade = leaf_shape(rng)
    s.line([(0.3, 0.0), (0.42, 0.03), (0.5, 0.08)], 0.022, mix(colour, (0, 0, 0), 0.25))
    s.body(blade, colour)
    s.mark(blade, (0, 1), (0, 1), (0, 0, 0), alpha=0.12)
    vein = mix(colour, (255, 240, 200), 0.35)
    s.line([blade.at(0, 0), blade.at(0.98, 0)], 0.014, vein, 0.9, 0.0)
    for k in range(5):
        t = 0.14 + 0.14 * k
        for v in (-0.85, 0.85):
            s.line([blade.at(t, 0), blade.at(t + 0.12, v)], 0.007, vein, 0.7, 0.0)
    for _ in range(10):
        s.oval(
            blade.at(rng.random(), rng.uniform(-0.8, 0.8)),
            rng.uniform(0.006, 0.018),
            0.01,
            mix(colour, (0, 0, 0), 0.45),
            alpha=0.6,
            cast=0,
        )


def dropping(s: Sketch, rng: random.Random) -> None:
    """A bird dropping: a white splash with a dark heart."""

    def splash(radius: float, rough: float) -> list[Point]:
        knots = [radius * rng.uniform(1 - rough, 1 + rough) for _ in range(11)]
        ring: list[Point] = []
        for k in range(44):
            a, b = knots[k // 4], knots[(k // 4 + 1) % 11]
            r, angle = a + (b - a) * (k % 4) / 4, 2 * math.pi * k / 44
            ring.append((r * math.cos(angle), r * math.sin(angle) * 0.85))
        return ring

    s.area(splash(0.27, 0.34), vary(rng, (232, 232, 222), 6), 1.0, 0.15)
    for _ in range(7):
        angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 0.42)
        s.oval(
            (far * math.cos(angle), far * math.sin(angle)),
            rng.uniform(0.012, 0.035),
            0.018,
            (228, 228, 220),
            turn=math.degrees(angle),
            cast=0.1,
        )
    s.area(splash(0.12, 0.4), vary(rng, (86, 80, 58), 10), 0.9, 0.0)
    s.area(splash(0.06, 0.4), (44, 40, 32), 0.8, 0.0)


def litter(s: Sketch, rng: random.Random) -> None:
    """Twigs, seeds and petals."""
    bark: Colour = vary(rng, (96, 74, 50))
    knee = (rng.uniform(-0.1, 0.1), rng.uniform(-0.08, 0.08))
    s.line([(-0.42, rng.uniform(-0.1, 0.1)), knee, (0.4, rng.uniform(-0.1, 0.1))], rng.uniform(0.035, 0.06), bark)
    s.line([knee, (knee[0] + 0.2, knee[1] + rng.choice([-0.25, 0.25]))], 0.025, bark)
    petal: Colour = rng.choice([(246, 236, 240), (236, 176, 196), (250, 226, 110)])
    for _ in range(rng.randint(1, 3)):
        where = (rng.uniform(-0.35, 0.35), rng.choice([-1, 1]) * rng.uniform(0.14, 0.34))
        s.oval(where, rng.uniform(0.06, 0.1), rng.uniform(0.04, 0.06), vary(rng, petal, 6), turn=rng.uniform(0, 180))


def dirt(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """What wind and birds leave; it does not move by itself."""
    rng.choices([leaf, dropping, litter], (5, 3, 3))[0](s, rng)


def bird(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A visiting bird, far larger than the crop: feathered flank with toes, or the head of a tit, robin or blackbird."""
    plumages: list[tuple[Colour, Colour, Colour]] = [  # back, breast, cheek
        ((92, 112, 60), (226, 204, 66), (244, 244, 240)),  # great tit
        ((106, 88, 60), (206, 98, 40), (206, 98, 40)),  # robin
        ((40, 36, 34), (52, 46, 42), (44, 40, 38)),  # blackbird
        ((112, 84, 56), (178, 160, 136), (150, 140, 128)),  # sparrow
    ]
    back, breast, cheek = (vary(rng, c, 6) for c in rng.choice(plumages))
    for side in SIDES:
        hip = (-0.1, side * 0.3)
        for toe in (-26, 6, 38):
            angle = math.radians(toe + 4 * math.sin(pose.phase))
            tip = (hip[0] + 0.46 * math.cos(angle), hip[1] + side * 0.4 * math.sin(angle))
            s.line([hip, tip], 0.042, (72, 60, 54))
            s.line([tip, (tip[0] + 0.06, tip[1] + side * 0.02)], 0.02, BLACK)
    trunk = Shell((0.12, 0), 180, 1.3, 0.4, 0.9, 0.5)
    s.body(trunk, back)
    s.mark(trunk, (0, 0.9), (0.35, 1), breast)
    for _ in range(150):
        t, v = rng.uniform(0.02, 0.95), rng.uniform(-0.95, 0.95)
        tone = mix(breast if v > 0.35 else back, rng.choice([BLACK, (255, 250, 235)]), rng.uniform(0.1, 0.38))
        s.line([trunk.at(t, v), trunk.at(min(1.0, t + 0.08), v)], 0.02, tone, 0.8, 0.0)
    s.shade(trunk, 0.08)
    nod = 0.05 * math.sin(pose.feel)
    black_cap = cheek == (244, 244, 240) or sum(cheek) > 690
    crown = BLACK if black_cap else back
    s.oval((0.16 + nod, 0), 0.23, 0.22, crown)
    s.oval((0.17 + nod, 0.09), 0.15, 0.1, cheek, cast=0)
    for _ in range(40):
        x, y = rng.uniform(-0.02, 0.3), rng.uniform(-0.17, 0.17)
        s.line(
            [(x + nod, y), (x + nod - 0.05, y * 1.1)],
            0.014,
            mix(crown, (190, 180, 160), rng.uniform(0, 0.25)),
            0.6,
            0.0,
        )
    beak: Colour = (232, 150, 30) if sum(back) < 150 else (58, 54, 50)
    s.area([(0.36 + nod, 0.055), (0.54 + nod, 0.0), (0.36 + nod, -0.055)], beak)
    for side in SIDES:
        s.oval((0.25 + nod, side * 0.13), 0.036, 0.03, BLACK, cast=0)
        s.oval((0.262 + nod, side * 0.136), 0.011, 0.01, (250, 250, 250), cast=0)
