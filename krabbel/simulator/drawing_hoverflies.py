"""Hoverflies: one body plan, and each species its own abdomen."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from krabbel.simulator.drawing_parts import BLACK, SIDES, antennae, fly_head, legs, wings
from krabbel.simulator.drawing_sketch import Colour, Pose, Shell, Sketch, mix, vary

Paint = Callable[[Sketch, Shell, random.Random], None]


@dataclass(frozen=True, slots=True)
class Build:
    """What tells the species apart besides the pattern. Lengths in body units."""

    rear: float  # half width of the abdomen
    lean: float  # > 1: widest behind the middle
    blunt: float
    thorax: Colour
    stripes: Colour | None  # pale length stripes on the thorax
    scutellum: Colour
    eyes: Colour
    legs: Colour
    chest: float = 0.13  # half width of the thorax
    wing: float = 0.62  # length
    rest: float = 152.0  # folded wings, degrees from the head
    spread: float = 108.0
    fur: Colour | None = None


def hoverfly(s: Sketch, rng: random.Random, pose: Pose, build: Build, paint: Paint) -> None:
    """Legs, abdomen with its pattern, thorax, head, and two wings on top."""
    long = rng.uniform(0.96, 1.04)
    legs(s, pose, (0.27, 0.2, 0.12), 0.09, (0.34, 0.4, 0.46), 0.017, vary(rng, build.legs))
    abdomen = Shell(
        (0.13, 0), 180, 0.63 * long, build.rear * rng.uniform(0.94, 1.06), build.lean, build.blunt, (0.08, 1.0)
    )
    paint(s, abdomen, rng)
    s.shade(abdomen)
    coat = vary(rng, build.thorax)
    thorax = Shell((0.4, 0), 180, 0.32, build.chest, 1.0, 0.42)
    s.body(thorax, coat)
    if build.stripes:
        for v in (-0.62, -0.08, 0.46):
            s.mark(thorax, (0.08, 0.78), (v, v + 0.16), build.stripes, alpha=0.75)
    s.shade(thorax, 0.22)
    if build.fur:
        s.fur(thorax, rng, [build.fur, mix(build.fur, coat, 0.5)], 70, 0.03)
        s.fur(abdomen, rng, [build.fur], 36, 0.03)
    s.oval((0.1, 0), 0.045, build.chest * 0.62, vary(rng, build.scutellum), cast=0)
    fly_head(s, 0.44, 0.125, (190, 160, 80), vary(rng, build.eyes), 0.74)
    antennae(s, pose, (0.5, 0.02), 0.07, 0.018, BLACK, spread=20)
    wings(s, pose, (0.27, 0.1), build.rest, build.spread, build.wing, 0.2, (150, 140, 112), alpha=0.34)


def episyr(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Marmalade hoverfly: parallel-sided, orange, each segment with a thick and a thin black band."""
    orange, black = vary(rng, (224, 142, 32)), vary(rng, (30, 22, 18), 5)
    thin = rng.uniform(0.028, 0.042)

    def paint(s: Sketch, a: Shell, _: random.Random) -> None:
        s.body(a, orange)
        s.mark(a, (0, 0.07), (-1, 1), black)
        for t in (0.2, 0.43, 0.65, 0.84):
            s.mark(a, (t, t + 0.075), (-1, 1), black, bow=0.015)
            s.mark(a, (t - 0.098, t - 0.098 + thin), (-0.8, 0.8), black, bow=-0.015)

    hoverfly(
        s,
        rng,
        pose,
        Build(0.105, 1.0, 0.32, (108, 82, 42), (170, 150, 100), (200, 160, 60), (128, 44, 30), (196, 132, 46)),
        paint,
    )


def eristal(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Drone fly: stout, dark brown like a honey bee, two orange wedges at the sides of the second segment."""
    dark, wedge = vary(rng, (44, 30, 22), 6), vary(rng, (212, 124, 36), 14)
    reach = rng.uniform(0.34, 0.46)

    def paint(s: Sketch, a: Shell, _: random.Random) -> None:
        s.body(a, dark)
        for side in SIDES:
            corner = [
                a.at(0.07, side),
                a.at(0.16, side),
                a.at(0.28, side),
                a.at(reach, side),
                a.at(0.24, side * 0.16),
                a.at(0.09, side * 0.34),
            ]
            s.area(corner, wedge, 1.0, 0.0)
        for t in (0.46, 0.68, 0.86):
            s.mark(a, (t, t + 0.022), (-1, 1), (176, 140, 84), alpha=0.8, bow=0.02)

    build = Build(
        0.158,
        0.95,
        0.55,
        (82, 62, 38),
        None,
        (150, 104, 50),
        (52, 30, 22),
        (50, 38, 28),
        0.145,
        0.64,
        150,
        118,
        (150, 122, 74),
    )
    hoverfly(s, rng, pose, build, paint)


def eupeo(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Eupeodes and Scaeva: black, three pairs of cream commas that never meet in the middle."""
    black = vary(rng, (24, 22, 22), 4)
    comma = vary(rng, rng.choice([(240, 232, 190), (236, 220, 130)]), 6)

    def paint(s: Sketch, a: Shell, _: random.Random) -> None:
        s.body(a, black)
        for t in (0.13, 0.38, 0.62):
            for side in SIDES:
                inner, middle, outer = (
                    a.at(t + 0.055, side * 0.4),
                    a.at(t + 0.085, side * 0.62),
                    a.at(t + 0.02, side * 0.9),
                )
                s.line([inner, middle, outer], 0.062, comma, 1.0, 0.0)
                s.oval(inner, 0.034, 0.031, comma, cast=0)
        s.mark(a, (0.93, 1), (-1, 1), comma, alpha=0.8)

    build = Build(
        0.15, 0.95, 0.55, (40, 42, 40), None, (196, 180, 84), (104, 40, 30), (150, 104, 40), 0.13, 0.66, 138, 96
    )
    hoverfly(s, rng, pose, build, paint)


def myathr(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Batman hoverfly: grey mask on a black thorax, yellow abdomen with black T marks."""
    yellow, black = vary(rng, (222, 196, 70)), vary(rng, (22, 20, 16), 4)

    def paint(s: Sketch, a: Shell, _: random.Random) -> None:
        s.body(a, yellow)
        s.mark(a, (0, 0.06), (-1, 1), black)
        for t in (0.24, 0.5, 0.74):
            s.mark(a, (t, t + 0.1), (-1, 1), black, bow=-0.02)
            s.mark(a, (t - 0.19, t), (-0.15, 0.15), black)
            for side in SIDES:
                s.oval(a.at(t - 0.055, side * 0.58), 0.042, 0.026, black, turn=side * 40, cast=0)
        s.mark(a, (0.9, 1), (-1, 1), black)

    build = Build(
        0.155,
        0.9,
        0.5,
        (36, 36, 34),
        None,
        (206, 180, 90),
        (60, 34, 26),
        (120, 92, 36),
        0.15,
        0.62,
        144,
        108,
        (200, 186, 110),
    )
    hoverfly(s, rng, pose, build, paint)
    thorax = Shell((0.4, 0), 180, 0.32, 0.15, 1.0, 0.42)
    for t in (0.12, 0.52):
        s.mark(thorax, (t, t + 0.16), (-0.92, -0.12), (184, 182, 150), alpha=0.85)
        s.mark(thorax, (t, t + 0.16), (0.12, 0.92), (184, 182, 150), alpha=0.85)


def sphaero(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Long hoverfly: a thin rod of an abdomen, longer than the wings, with broad yellow bands."""
    yellow, black = vary(rng, (236, 206, 78)), vary(rng, (34, 28, 20), 5)
    band = rng.uniform(0.075, 0.1)

    def paint(s: Sketch, a: Shell, _: random.Random) -> None:
        s.body(a, black)
        for t in (0.1, 0.28, 0.46, 0.63, 0.79):
            s.mark(a, (t, t + band), (-1, 1), yellow, bow=0.02)

    build = Build(
        0.062, 1.15, 0.28, (56, 52, 36), None, (240, 212, 70), (142, 52, 34), (214, 170, 66), 0.098, 0.46, 140, 88
    )
    hoverfly(s, rng, pose, build, paint)
    for side in SIDES:
        s.line([(0.38, side * 0.082), (0.26, side * 0.096), (0.12, side * 0.07)], 0.022, yellow, 1.0, 0.0)


def syrphus(s: Sketch, rng: random.Random, pose: Pose) -> None:
    """Syrphus: oval, one pair of yellow spots, then whole yellow moustache bands as broad as the black between."""
    yellow, black = vary(rng, (234, 190, 62)), vary(rng, (28, 24, 20), 4)

    def paint(s: Sketch, a: Shell, _: random.Random) -> None:
        s.body(a, black)
        for side in SIDES:
            s.oval(a.at(0.19, side * 0.56), 0.042, 0.05, yellow, turn=side * 20, cast=0)
        for t in (0.35, 0.59):
            s.mark(a, (t, t + 0.125), (-1, 1), yellow, bow=-0.03)
            s.mark(a, (t + 0.09, t + 0.16), (-0.14, 0.14), black)
        s.mark(a, (0.81, 0.87), (-1, 1), yellow)

    build = Build(
        0.15, 0.98, 0.5, (92, 92, 56), None, (216, 180, 70), (120, 48, 34), (206, 152, 52), 0.13, 0.66, 144, 100
    )
    hoverfly(s, rng, pose, build, paint)
