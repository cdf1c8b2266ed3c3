"""What the detector takes for an insect: nothing, shadows, leaves and droppings, birds. One unit is one crop side."""

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


PLUMAGES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (  # crown, cheek, back, flank
    ((30, 28, 30), (246, 246, 240), (104, 124, 62), (230, 206, 64)),  # great tit
    ((118, 96, 64), (212, 96, 36), (110, 92, 62), (212, 96, 36)),  # robin
    ((38, 34, 34), (46, 42, 40), (42, 38, 36), (56, 50, 46)),  # blackbird
    ((112, 72, 48), (214, 206, 192), (130, 94, 60), (182, 164, 140)),  # sparrow
)


def bird(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A visiting bird from above, larger than the crop: a great tit, robin, blackbird or sparrow."""
    kind = rng.randrange(len(PLUMAGES))
    crown, cheek, back, flank = (vary(rng, c, 5) for c in PLUMAGES[kind])
    beak: Colour = (236, 156, 30) if kind == 2 else (62, 58, 54)
    for side in SIDES:
        ankle = (-0.02 + 0.03 * math.sin(pose.phase), side * 0.3)
        s.line([(-0.12, side * 0.2), ankle], 0.05, (78, 64, 56))
        for toe in (-12, 24, 60):
            angle = math.radians(toe)
            tip = (ankle[0] + 0.24 * math.cos(angle), ankle[1] + side * 0.24 * math.sin(angle))
            s.line([ankle, tip], 0.034, (78, 64, 56))
            s.line([tip, (tip[0] + 0.05, tip[1])], 0.018, BLACK)
    trunk = Shell((0.2, 0), 180, 1.25, 0.36, 0.85, 0.55)
    s.body(trunk, flank)
    feathers(s, trunk, rng, flank, (-0.95, 0.95), 60)
    for side in SIDES:
        wing = Shell((0.02, side * 0.13), 180, 1.0, 0.17, 0.8, 0.5)
        s.body(wing, mix(back, (0, 0, 0), 0.12))
        feathers(s, wing, rng, back, (-0.9, 0.9), 40)
        for t in (0.3, 0.36):
            s.mark(wing, (t, t + 0.025), (-0.9, 0.9), mix(back, (245, 240, 225), 0.75), alpha=0.8, bow=0.05)
    mantle = Shell((0.12, 0), 180, 0.6, 0.17, 0.8, 0.5)
    s.body(mantle, back)
    feathers(s, mantle, rng, back, (-0.9, 0.9), 40)
    s.shade(trunk, 0.05)
    nod = 0.03 * math.sin(pose.feel)
    s.area([(0.38, 0.06 + nod), (0.53, nod), (0.38, nod - 0.06)], beak)
    head = Shell((0.42, nod), 180, 0.44, 0.19, 1.0, 0.5)
    s.body(head, crown)
    for v in ((0.42, 0.97), (-0.97, -0.42)):
        s.mark(head, (0.22, 0.78), v, cheek)
    feathers(s, head, rng, crown, (-0.4, 0.4), 26)
    s.shade(head, 0.1)
    for side in SIDES:
        s.oval((0.31, side * 0.125 + nod), 0.034, 0.028, (12, 10, 10), cast=0)
        s.oval((0.32, side * 0.13 + nod), 0.011, 0.01, (250, 250, 250), cast=0)


def feathers(
    s: Sketch, shell: Shell, rng: random.Random, colour: Colour, across: tuple[float, float], count: int
) -> None:
    """Strokes along a shell, lighter and darker than its colour."""
    for _ in range(count):
        t, v = rng.uniform(0.03, 0.92), rng.uniform(*across)
        tone = mix(colour, rng.choice([BLACK, (255, 250, 235)]), rng.uniform(0.1, 0.34))
        s.line([shell.at(t, v), shell.at(min(1.0, t + 0.09), v)], 0.018, tone, 0.8, 0.0)
