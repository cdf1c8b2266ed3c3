"""The class `other`: spider, bush-cricket, ichneumon wasp, lacewing."""

from __future__ import annotations

import math
import random

from krabbel.simulator.drawing_parts import BLACK, SIDES, antennae, legs, step, wing
from krabbel.simulator.drawing_sketch import Pose, Shell, Sketch, mix, vary


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
