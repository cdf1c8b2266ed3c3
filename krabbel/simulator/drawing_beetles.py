"""Beetles and true bugs."""

from __future__ import annotations

import random

from krabbel.simulator.drawing_parts import BLACK, SIDES, antennae, legs
from krabbel.simulator.drawing_sketch import Colour, Pose, Shell, Sketch, mix, vary


def seam(s: Sketch, shell: Shell, start: float = 0.0, stop: float = 0.98) -> None:
    """The line where the wing cases meet."""
    s.line([shell.at(start, 0), shell.at(stop, 0)], 0.012, (0, 0, 0), 0.75, 0.0)


def beetle(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A soldier beetle (long, brick red, soft) or a chafer (stout, chestnut)."""
    stout = rng.random() < 0.4
    red = vary(rng, (112, 66, 30) if stout else (166, 58, 26), 10)
    half = 0.2 if stout else 0.115
    legs(s, pose, (0.28, 0.12, -0.04), half * 0.8, (0.36, 0.38, 0.46), 0.034, (40, 24, 18) if stout else BLACK)
    head = Shell((0.5, 0), 180, 0.2, half * 0.62, 1.0, 0.5)
    s.body(head, BLACK if not stout else mix(red, (0, 0, 0), 0.6))
    chest = Shell((0.4, 0), 180, 0.2, half * 0.86, 1.1, 0.3)
    s.body(chest, mix(red, (230, 90, 30), 0.3) if not stout else mix(red, (0, 0, 0), 0.5))
    s.shade(chest, 0.2)
    cases = Shell((0.24, 0), 180, 0.74, half, 0.95, 0.26, (0.02, 1))
    s.body(cases, red)
    if not stout:
        s.mark(cases, (0.88, 1), (-1, 1), (30, 20, 18), bow=0.02)
    else:
        for v in (-0.7, -0.4, 0.4, 0.7):
            s.line([cases.at(t, v) for t in (0.05, 0.4, 0.75, 0.95)], 0.01, (0, 0, 0), 0.4, 0.0)
    seam(s, cases)
    s.shade(cases, 0.2)
    antennae(
        s, pose, (0.47, 0.04), 0.16 if stout else 0.46, 0.026, BLACK, spread=32, elbow=30, club=0.02 if stout else 0.0
    )


def cocci(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Ladybird: a red dome with black spots, black collar with white corners."""
    red = vary(rng, rng.choice([(206, 42, 24), (214, 72, 24), (196, 34, 26)]), 8)
    layouts: list[list[tuple[float, float]]] = [
        [(0.28, 0.46), (0.52, 0.34), (0.7, 0.62)],
        [(0.45, 0.48)],
        [(0.18, 0.3), (0.25, 0.72), (0.42, 0.42), (0.46, 0.8), (0.64, 0.3), (0.68, 0.7), (0.84, 0.4)],
    ]
    spots = rng.choices(layouts, (6, 2, 3))[0]
    size = rng.uniform(0.045, 0.068)
    legs(s, pose, (0.22, 0.04, -0.14), 0.25, (0.24, 0.22, 0.24), 0.032, BLACK)
    antennae(s, pose, (0.46, 0.07), 0.12, 0.02, BLACK, spread=35, club=0.018)
    s.oval((0.42, 0), 0.09, 0.13, BLACK)
    collar = Shell((0.45, 0), 180, 0.3, 0.26, 1.6, 0.5)
    s.body(collar, BLACK)
    for side in SIDES:
        s.oval(collar.at(0.36, side * 0.72), 0.055, 0.05, (240, 236, 222), cast=0)
        s.oval((0.465, side * 0.07), 0.022, 0.022, (236, 232, 220), cast=0)
    dome = Shell((0.28, 0), 180, 0.78, 0.39, 0.9, 0.5)
    s.body(dome, red)
    s.oval(dome.at(0.05, 0), 0.05, 0.05, BLACK, cast=0)
    for t, v in spots:
        for side in SIDES:
            s.oval(dome.at(t, side * v), size, size * 0.95, BLACK, cast=0)
    if len(spots) == 3:
        s.oval(dome.at(0.12, 0), size, size, BLACK, cast=0)
    seam(s, dome)
    s.shade(dome, 0.13)
    s.oval(dome.at(0.24, -0.4), 0.07, 0.04, (255, 255, 255), alpha=0.45, turn=20, cast=0)


def oedem(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """False blister beetle: metallic green rod, wing cases that gape and taper, swollen thighs."""
    green = vary(rng, rng.choice([(34, 112, 66), (46, 124, 58), (28, 98, 88)]), 7)
    dark = mix(green, (0, 0, 0), 0.45)
    legs(s, pose, (0.26, 0.12, -0.02), 0.07, (0.34, 0.36, 0.5), 0.026, mix(dark, BLACK, 0.5))
    for side in SIDES:
        s.oval((-0.07, side * 0.145), 0.1, 0.046, dark, turn=side * 128)
    abdomen = Shell((0.2, 0), 180, 0.68, 0.07, 0.9, 0.4)
    s.body(abdomen, mix(dark, BLACK, 0.4))
    s.shade(abdomen)
    for side in SIDES:
        case = [
            (0.24, side * 0.012),
            (0.24, side * 0.098),
            (0.1, side * 0.105),
            (-0.2, side * 0.1),
            (-0.47, side * 0.062),
            (-0.42, side * 0.04),
            (-0.1, side * 0.022),
        ]
        s.area(case, green)
        s.line(
            [(0.2, side * 0.05), (-0.1, side * 0.055), (-0.42, side * 0.05)],
            0.016,
            mix(green, (210, 255, 200), 0.5),
            0.6,
            0.0,
        )
        s.line([(0.22, side * 0.094), (-0.2, side * 0.097), (-0.45, side * 0.06)], 0.012, dark, 0.9, 0.0)
    chest = Shell((0.38, 0), 180, 0.17, 0.066, 0.9, 0.35)
    s.body(chest, mix(green, (190, 160, 40), 0.12))
    s.shade(chest, 0.3)
    head = Shell((0.5, 0), 180, 0.15, 0.056, 1.2, 0.5)
    s.body(head, green)
    for side in SIDES:
        s.oval((0.41, side * 0.054), 0.022, 0.018, BLACK, cast=0)
    antennae(s, pose, (0.46, 0.035), 0.46, 0.02, dark, spread=34, elbow=22)


def shield(s: Sketch, pose: Pose, coat: Colour, rim: tuple[Colour, Colour], feet: Colour) -> tuple[Shell, Shell, Shell]:
    """The body of a shield bug with its chequered rim, ready for a pattern: back, collar, head."""
    legs(s, pose, (0.24, 0.08, -0.08), 0.22, (0.34, 0.34, 0.4), 0.032, feet)
    back = Shell((0.28, 0), 180, 0.78, 0.34, 0.86, 0.46)
    s.body(back, rim[0])
    for k in range(7):
        t = 0.28 + 0.1 * k
        for v in ((-1.0, -0.78), (0.78, 1.0)):
            s.mark(back, (t, t + 0.05), v, rim[1])
    s.mark(back, (0, 1), (-0.83, 0.83), coat)
    collar = Shell((0.42, 0), 180, 0.3, 0.33, 2.0, 0.6)
    s.body(collar, coat)
    head = Shell((0.5, 0), 180, 0.2, 0.1, 0.9, 0.5)
    s.body(head, coat)
    return back, collar, head


def bug(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """A brown shield bug: speckled, a triangle on the back, a rim in black and cream, ringed feelers."""
    coat = vary(rng, rng.choice([(132, 92, 58), (112, 84, 60), (146, 98, 54)]), 8)
    dark = mix(coat, (0, 0, 0), 0.5)
    antennae(s, pose, (0.46, 0.06), 0.4, 0.026, BLACK, spread=42, elbow=10)
    antennae(s, pose, (0.5, 0.09), 0.12, 0.026, (224, 206, 160), spread=42, elbow=10)
    back, collar, head = shield(s, pose, coat, ((226, 208, 160), BLACK), dark)
    s.area([back.at(0.02, -0.7), back.at(0.02, 0.7), back.at(0.5, 0)], mix(coat, (200, 150, 90), 0.3), 1.0, 0.0)
    s.line([back.at(0.02, -0.7), back.at(0.5, 0), back.at(0.02, 0.7)], 0.014, dark, 0.9, 0.0)
    s.mark(back, (0.68, 1), (-0.6, 0.6), mix(dark, (60, 40, 30), 0.5), alpha=0.85, bow=-0.1)
    for shell, dots in ((back, 90), (collar, 40), (head, 8)):
        for _ in range(dots):
            s.oval(shell.at(rng.uniform(0.05, 0.9), rng.uniform(-0.75, 0.75)), 0.01, 0.01, dark, alpha=0.55, cast=0)
        s.shade(shell, 0.08)


def grapho(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Striped shield bug: scarlet with black stripes from head to tail."""
    red = vary(rng, rng.choice([(206, 36, 30), (212, 56, 28)]), 7)
    antennae(s, pose, (0.46, 0.06), 0.34, 0.026, BLACK, spread=42, elbow=10)
    back, collar, head = shield(s, pose, red, (red, BLACK), BLACK)
    width = rng.uniform(0.17, 0.22)
    for shell, lanes in (
        (back, (-0.66, -0.22, 0.22, 0.66)),
        (collar, (-0.78, -0.44, -0.12, 0.12, 0.44, 0.78)),
        (head, (-0.4, 0.4)),
    ):
        for v in lanes:
            w = width * (0.5 if shell is not collar else 0.36)
            s.mark(shell, (0.02, 0.96), (v - w, v + w), BLACK)
        s.shade(shell, 0.1)
