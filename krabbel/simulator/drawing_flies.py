"""Flies other than hoverflies."""

from __future__ import annotations

import random

from krabbel.simulator.drawing_parts import BLACK, SIDES, antennae, fly_head, legs, wing, wings
from krabbel.simulator.drawing_sketch import Colour, Pose, Shell, Sketch, mix, vary


def fly(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A greenbottle, bluebottle or brown tachinid: stout, bristly, wings in a V over the back."""
    coats: list[Colour] = [(62, 122, 52), (48, 74, 104), (116, 92, 52)]
    coat = vary(rng, rng.choice(coats), 8)
    eyes = vary(rng, (150, 52, 36))
    legs(s, pose, (0.3, 0.18, 0.06), 0.13, (0.44, 0.46, 0.52), 0.028, BLACK)
    abdomen = Shell((0.1, 0), 180, 0.56, 0.2, 0.9, 0.5, (0.06, 1))
    s.body(abdomen, mix(coat, (0, 0, 0), 0.08))
    for t in (0.32, 0.58, 0.82):
        s.mark(abdomen, (t, t + 0.03), (-1, 1), mix(coat, (0, 0, 0), 0.6), bow=0.03)
    s.shade(abdomen, 0.24)
    thorax = Shell((0.4, 0), 180, 0.36, 0.175, 1.0, 0.42)
    s.body(thorax, coat)
    s.shade(thorax, 0.3)
    s.fur(abdomen, rng, [BLACK], 34, 0.05, (0.5, 1))
    s.fur(thorax, rng, [BLACK], 22, 0.04)
    fly_head(s, 0.43, 0.165, (164, 138, 84), eyes, 0.64)
    antennae(s, pose, (0.52, 0.02), 0.06, 0.02, BLACK)
    wings(s, pose, (0.26, 0.14), 160, 132, 0.72, 0.26, (128, 120, 104), alpha=0.4)


def sarco(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Flesh fly: grey, three black stripes on the thorax, a chequered abdomen, red eyes, big feet."""
    grey, black = vary(rng, (178, 178, 176), 9), vary(rng, (26, 26, 28), 4)
    legs(s, pose, (0.3, 0.18, 0.06), 0.11, (0.46, 0.5, 0.56), 0.03, BLACK)
    abdomen = Shell((0.1, 0), 180, 0.58, 0.16, 0.9, 0.5, (0.06, 1))
    s.body(abdomen, grey)
    for row in range(4):
        for col in range(5):
            if (row + col) % 2 == 0:
                v = -1 + 0.4 * col
                s.mark(abdomen, (0.06 + 0.22 * row, 0.28 + 0.22 * row), (v, v + 0.4), black, alpha=0.92)
    s.shade(abdomen)
    thorax = Shell((0.4, 0), 180, 0.36, 0.15, 1.0, 0.4)
    s.body(thorax, grey)
    for v in (-0.74, -0.15, 0.44):
        s.mark(thorax, (0, 1), (v, v + 0.3), black)
    s.shade(thorax, 0.1)
    s.fur(abdomen, rng, [BLACK], 26, 0.06, (0.6, 1))
    fly_head(s, 0.44, 0.14, (206, 200, 186), vary(rng, (176, 32, 26), 8), 0.62)
    antennae(s, pose, (0.52, 0.02), 0.06, 0.02, BLACK)
    wings(s, pose, (0.24, 0.12), 163, 140, 0.72, 0.24, (150, 148, 146), alpha=0.36)


def empi(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Dance fly: slim, a ball of a head with a long beak, stilts for legs, wings folded flat over the back."""
    dark = vary(rng, (46, 40, 30), 7)
    smoke = vary(rng, (124, 98, 72), 9)
    s.line([(0.42, 0), (0.56, 0.015 + 0.01 * pose.bend)], 0.022, BLACK)
    legs(s, pose, (0.26, 0.2, 0.12), 0.05, (0.62, 0.6, 0.74), 0.024, BLACK, (48, 100, 142))
    abdomen = Shell((0.14, 0), 180, 0.6, 0.062, 0.8, 0.4)
    s.body(abdomen, dark)
    s.shade(abdomen)
    thorax = Shell((0.34, 0), 180, 0.27, 0.092, 1.0, 0.5)
    s.body(thorax, mix(dark, (120, 110, 80), 0.2))
    s.shade(thorax, 0.25)
    s.oval((0.4, 0), 0.05, 0.062, BLACK)
    for side in SIDES:
        s.oval((0.405, side * 0.032), 0.03, 0.026, (66, 30, 24), cast=0)
    antennae(s, pose, (0.43, 0.02), 0.13, 0.014, BLACK, spread=35, elbow=8)
    for side in SIDES:
        wing(s, (0.22, 0.045), 175 - 9 * pose.wings, 0.78, 0.2, smoke, side=side, alpha=0.62, vein=(44, 34, 26))


def small(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A small fly: few pixels, a black drop with two pale wings reaching past its end."""
    dark = vary(rng, (40, 34, 28), 7)
    legs(s, pose, (0.28, 0.14, 0.0), 0.1, (0.36, 0.4, 0.44), 0.04, dark)
    abdomen = Shell((0.12, 0), 180, 0.48, 0.15, 0.9, 0.55)
    s.body(abdomen, mix(dark, (96, 74, 40), 0.35))
    thorax = Shell((0.4, 0), 180, 0.36, 0.15, 1.0, 0.5)
    s.body(thorax, dark)
    s.shade(thorax, 0.2)
    s.oval((0.42, 0), 0.085, 0.125, dark)
    for side in SIDES:
        s.oval((0.42, side * 0.09), 0.05, 0.045, (92, 34, 26), cast=0)
    pale = vary(rng, (196, 186, 150), 8)
    wings(s, pose, (0.2, 0.08), 172, 158, 0.86, 0.28, pale, alpha=0.5, veins=2)
