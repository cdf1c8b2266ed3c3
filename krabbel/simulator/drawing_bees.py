"""Bees, wasps and ants."""

from __future__ import annotations

import random

from krabbel.simulator.drawing_parts import BLACK, SIDES, antennae, legs, wing, wings
from krabbel.simulator.drawing_sketch import Colour, Pose, Shell, Sketch, mix, vary


def bee(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A wild bee: slim and black, grey fur on the thorax, fine white bands at the rear of each segment."""
    black = vary(rng, (30, 26, 24), 5)
    band = vary(rng, (226, 218, 200), 6)
    hair = vary(rng, (168, 150, 122), 8)
    legs(s, pose, (0.24, 0.15, 0.06), 0.1, (0.38, 0.4, 0.5), 0.032, BLACK)
    abdomen = Shell((0.04, 0), 180, 0.54, 0.135, 0.95, 0.5, (0.05, 1))
    s.body(abdomen, black)
    for t in (0.2, 0.38, 0.56, 0.73):
        s.mark(abdomen, (t, t + 0.04), (-1, -0.16), band, alpha=0.9, bow=0.05)
        s.mark(abdomen, (t, t + 0.04), (0.16, 1), band, alpha=0.9, bow=0.05)
    s.shade(abdomen, 0.14)
    thorax = Shell((0.3, 0), 180, 0.28, 0.13, 1.0, 0.5)
    s.body(thorax, mix(black, hair, 0.3))
    s.fur(thorax, rng, [hair, mix(hair, black, 0.4)], 110, 0.035)
    s.oval((0.36, 0), 0.075, 0.115, black)
    for side in SIDES:
        s.oval((0.365, side * 0.085), 0.055, 0.03, (12, 12, 14), cast=0)
    antennae(s, pose, (0.42, 0.03), 0.24, 0.024, BLACK, spread=26, elbow=50)
    wings(s, pose, (0.18, 0.1), 160, 126, 0.6, 0.17, (120, 104, 84), alpha=0.34)


def apis(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Honey bee: tan fur, an amber abdomen whose dark bands grow towards the tip, four wings."""
    amber = vary(rng, rng.choice([(198, 132, 58), (176, 112, 50)]), 8)
    dark = vary(rng, (54, 36, 24), 5)
    hair = vary(rng, (158, 122, 74), 8)
    legs(s, pose, (0.26, 0.16, 0.06), 0.12, (0.4, 0.42, 0.54), 0.034, (52, 34, 22))
    abdomen = Shell((0.05, 0), 180, 0.57, 0.165, 0.9, 0.46, (0.06, 1))
    s.body(abdomen, amber)
    for k, t in enumerate((0.13, 0.3, 0.47, 0.64, 0.8)):
        s.mark(abdomen, (t, t + 0.05 + 0.022 * k), (-1, 1), dark, bow=0.035)
    s.shade(abdomen)
    thorax = Shell((0.32, 0), 180, 0.31, 0.155, 1.0, 0.5)
    s.body(thorax, mix(hair, dark, 0.5))
    s.shade(thorax, 0.08)
    s.fur(thorax, rng, [hair, mix(hair, (235, 205, 150), 0.4), mix(hair, dark, 0.5)], 150, 0.04)
    s.fur(abdomen, rng, [hair], 30, 0.03, (0, 0.3))
    s.oval((0.38, 0), 0.075, 0.125, mix(dark, hair, 0.25))
    for side in SIDES:
        s.oval((0.385, side * 0.1), 0.055, 0.028, (24, 18, 16), cast=0)
    antennae(s, pose, (0.44, 0.03), 0.18, 0.022, (44, 30, 20), spread=30, elbow=55)
    wings(s, pose, (0.1, 0.12), 158, 126, 0.44, 0.13, (150, 128, 96), alpha=0.3, veins=2)
    wings(s, pose, (0.18, 0.12), 152, 118, 0.62, 0.17, (150, 128, 96), alpha=0.36)


def bombus(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Bumblebee: a round black fur ball with yellow bands and a white (or rust) tail, dusky wings."""
    black = vary(rng, (26, 24, 22), 4)
    yellow, light = vary(rng, (228, 172, 40), 8), (242, 238, 226)
    tail: Colour = rng.choice([light, light, (196, 96, 40)])
    belt = rng.random() < 0.8
    legs(s, pose, (0.26, 0.12, 0.0), 0.18, (0.42, 0.42, 0.5), 0.046, BLACK)
    abdomen = Shell((0.08, 0), 180, 0.6, 0.27, 0.95, 0.52, (0.04, 1))
    thorax = Shell((0.38, 0), 180, 0.36, 0.235, 1.0, 0.55)
    s.body(abdomen, black)
    s.mark(abdomen, (0.72, 1), (-1, 1), tail, bow=0.05)
    if belt:
        s.mark(abdomen, (0.16, 0.36), (-1, 1), yellow, bow=0.04)
    s.shade(abdomen, 0.1)
    s.body(thorax, black)
    s.mark(thorax, (0, 0.38), (-1, 1), yellow, bow=0.06)
    s.shade(thorax, 0.1)
    s.fur(abdomen, rng, [black, mix(black, (90, 80, 70), 0.5)], 70, 0.05, (0, 0.72))
    s.fur(abdomen, rng, [tail, mix(tail, (120, 110, 100), 0.3)], 60, 0.05, (0.74, 0.97))
    if belt:
        s.fur(abdomen, rng, [yellow, mix(yellow, black, 0.3)], 40, 0.05, (0.16, 0.36))
    s.fur(thorax, rng, [black, mix(black, (90, 80, 70), 0.5)], 60, 0.05, (0.4, 1))
    s.fur(thorax, rng, [yellow, mix(yellow, black, 0.3), mix(yellow, light, 0.4)], 60, 0.05, (0.02, 0.36))
    s.oval((0.41, 0), 0.09, 0.125, black)
    for side in SIDES:
        s.oval((0.42, side * 0.1), 0.055, 0.026, (50, 44, 42), cast=0)
    antennae(s, pose, (0.48, 0.04), 0.2, 0.024, BLACK, spread=30, elbow=55)
    wings(s, pose, (0.1, 0.18), 150, 124, 0.4, 0.15, (86, 70, 56), alpha=0.42, veins=2)
    wings(s, pose, (0.18, 0.19), 144, 114, 0.64, 0.19, (86, 70, 56), alpha=0.5)


def wasp(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Vespid wasp: a thread of a waist, lemon yellow and black, narrow brown wings folded lengthwise."""
    yellow, black = vary(rng, (242, 202, 36), 8), vary(rng, (20, 18, 18), 4)
    paper = rng.random() < 0.4  # Polistes: spindle-shaped, orange feelers
    feelers: Colour = (222, 128, 34) if paper else BLACK
    legs(s, pose, (0.24, 0.15, 0.08), 0.1, (0.4, 0.42, 0.56), 0.03, vary(rng, (214, 160, 40)))
    s.line([(0.08, 0), (-0.02, 0)], 0.05, black)
    abdomen = Shell((0.0, 0), 180, 0.52, 0.142, 0.85 if paper else 0.72, 0.62)
    s.body(abdomen, yellow)
    for k, t in enumerate((0.06, 0.27, 0.46, 0.64, 0.8)):
        s.mark(abdomen, (t, t + (0.11 if k == 0 else 0.075)), (-1, 1), black, bow=-0.02)
        s.area([abdomen.at(t + 0.05, -0.3), abdomen.at(t + 0.15, 0), abdomen.at(t + 0.05, 0.3)], black, 1.0, 0.0)
        if k and not paper:
            for side in SIDES:
                s.oval(abdomen.at(t + 0.115, side * 0.5), 0.018, 0.016, black, cast=0)
    s.shade(abdomen, 0.2)
    thorax = Shell((0.33, 0), 180, 0.27, 0.118, 1.0, 0.48)
    s.body(thorax, black)
    for side in SIDES:
        s.line([thorax.at(0.06, side * 0.7), thorax.at(0.3, side * 0.86)], 0.026, yellow, 1.0, 0.0)
        s.oval(thorax.at(0.72, side * 0.38), 0.018, 0.026, yellow, cast=0)
        s.oval(thorax.at(0.9, side * 0.3), 0.014, 0.022, yellow, cast=0)
    s.shade(thorax, 0.14)
    s.oval((0.4, 0), 0.072, 0.112, black)
    s.oval((0.435, 0), 0.04, 0.07, yellow, cast=0)
    for side in SIDES:
        s.oval((0.405, side * 0.09), 0.045, 0.026, (34, 28, 24), cast=0)
    antennae(s, pose, (0.45, 0.03), 0.3, 0.026, feelers, spread=24, elbow=60)
    angle = 168 - 30 * pose.wings
    for side in SIDES:
        wing(
            s,
            (0.2, 0.1),
            angle,
            0.62,
            0.095,
            vary(rng, (138, 92, 40), 4),
            side=side,
            alpha=0.6,
            veins=3,
            beat=pose.flutter,
        )


def ant(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Ant: three beads on a thread, elbowed feelers, long legs, no wings."""
    dark: Colour = rng.choice([(34, 28, 26), (30, 26, 24), (74, 42, 26)])
    coat = vary(rng, dark, 5)
    red = mix(coat, (120, 62, 34), rng.uniform(0.1, 0.8))
    legs(s, pose, (0.16, 0.08, 0.0), 0.04, (0.5, 0.5, 0.62), 0.026, mix(coat, red, 0.4), (48, 92, 136))
    gaster = Shell((-0.14, 0), 180, 0.36, 0.135, 0.9, 0.55)
    s.line([(0.2, 0), (-0.2, 0)], 0.045, red)
    s.oval((-0.09, 0), 0.03, 0.04, red)
    s.body(gaster, coat)
    for t in (0.36, 0.62):
        s.mark(gaster, (t, t + 0.03), (-1, 1), mix(coat, (150, 140, 120), 0.35), bow=0.03)
    s.shade(gaster, 0.26)
    chest = Shell((0.25, 0), 180, 0.29, 0.07, 0.7, 0.6)
    s.body(chest, red)
    s.shade(chest, 0.16)
    head = Shell((0.48, 0), 180, 0.24, 0.105, 1.15, 0.55)
    s.body(head, coat)
    s.shade(head, 0.22)
    for side in SIDES:
        s.line([(0.44, side * 0.035), (0.52, side * 0.02)], 0.028, red)
        s.oval((0.35, side * 0.085), 0.022, 0.016, (8, 8, 8), cast=0)
    antennae(s, pose, (0.43, 0.05), 0.36, 0.024, red, spread=70, elbow=-75)
