"""What insects share: legs, antennae, heads with eyes, wings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from krabbel.simulator.drawing_sketch import Colour, Point, Pose, Shell, Sketch, mix

SIDES = (1, -1)
BLACK: Colour = (18, 16, 14)
GAIT = (-30.0, 12.0, 34.0)  # how far tibia turns from femur, front to hind leg, degrees


def step(start: Point, angle: float, length: float, side: int) -> Point:
    """The point `length` away; angle in degrees from the head, mirrored for the right side."""
    return start[0] + length * math.cos(math.radians(angle)), start[1] + side * length * math.sin(math.radians(angle))


def legs(
    s: Sketch,
    pose: Pose,
    hips: Sequence[float],
    half: float,
    reach: Sequence[float],
    width: float,
    colour: Colour,
    angles: Sequence[float] = (52.0, 95.0, 132.0),
    feet: Colour | None = None,
) -> None:
    """Pairs of legs that walk in alternating tripods. hips: x of each pair; reach: length of each pair."""
    for pair, (hip, length, angle) in enumerate(zip(hips, reach, angles, strict=True)):
        gait = GAIT[min(pair, 2)] if len(hips) == 3 else (pair - 1.5) * 22
        for side in SIDES:
            swing = 11 * math.sin(pose.phase + math.pi * (pair + (side > 0)))
            start = (hip, side * half)
            knee = step(start, angle + swing, length * 0.45, side)
            heel = step(knee, angle + swing + gait, length * 0.38, side)
            toe = step(heel, angle + swing + gait * 1.7, length * 0.25, side)
            s.line([start, knee], width * 1.5, colour)
            s.line([knee, heel], width, colour)
            s.line([heel, toe], width * 0.7, feet or colour)


def antennae(
    s: Sketch,
    pose: Pose,
    root: Point,
    length: float,
    width: float,
    colour: Colour,
    *,
    spread: float = 28.0,
    elbow: float = 25.0,
    club: float = 0.0,
) -> None:
    """Two feelers from `root` (mirrored), bending outwards by `elbow` degrees; club: radius of a knob at the tip."""
    for side in SIDES:
        wave = math.degrees(0.25 * math.sin(pose.feel + side))
        points = [(root[0], side * root[1])]
        for part in range(4):
            points.append(step(points[-1], spread + wave + elbow * part / 3, length / 4, side))
        s.line(points, width, colour)
        if club:
            s.oval(points[-1], club * 1.5, club, colour, turn=side * spread)


def fly_head(s: Sketch, x: float, half: float, face: Colour, eyes: Colour, share: float = 0.6) -> None:
    """A broad head at x, its eyes taking `share` of each half; seen from above."""
    s.oval((x, 0), half * 0.66, half, face)
    for side in SIDES:
        s.oval((x - 0.006, side * half * (1.02 - share / 2)), half * 0.62, half * share * 0.62, eyes, turn=side * 14)
        s.oval(
            (x + half * 0.2, side * half * 0.66),
            half * 0.16,
            half * 0.14,
            mix(eyes, (255, 255, 255), 0.5),
            alpha=0.6,
            cast=0,
        )


def wing(
    s: Sketch,
    hinge: Point,
    angle: float,
    length: float,
    width: float,
    colour: Colour,
    *,
    side: int,
    alpha: float = 0.3,
    vein: Colour = (52, 44, 34),
    veins: int = 4,
    lean: float = 1.5,
    beat: float = 0.0,
) -> Shell:
    """One clear wing with veins; its front edge is the side of negative v. Beating wings smear over a fan of angles."""
    shell = Shell(hinge, angle, length, width * 0.6, lean, 0.6, far=width * 0.4, side=side)
    if beat > 0.2:
        for shift in (-26.0, -13.0, 13.0, 26.0):
            ghost = Shell(hinge, angle + shift * beat, length, width * 0.6, lean, 0.6, far=width * 0.4, side=side)
            s.area(ghost.patch(0, 1, -1, 1), colour, alpha * 0.4, 0.05)
    s.area(shell.patch(0, 1, -1, 1), colour, alpha, alpha * 0.8)
    s.area(shell.patch(0.35, 0.95, -0.5, 0.6), mix(colour, (255, 255, 255), 0.6), alpha * 0.35, 0.0)
    clear = 0.5 * (1 - 0.6 * beat)
    s.line([shell.at(t / 6, -1) for t in range(7)], 0.012, vein, clear + 0.2, 0.2)
    s.line([shell.at(t / 8, 1) for t in range(9)], 0.005, vein, clear * 0.7, 0.0)
    for k in range(veins):
        v = -0.55 + 1.35 * k / max(1, veins - 1)
        s.line([shell.at(t, v * min(1.0, t * 1.6)) for t in (0.02, 0.25, 0.5, 0.75, 0.93)], 0.006, vein, clear, 0.0)
    for t in (0.42, 0.66)[: max(0, veins - 2)]:
        s.line([shell.at(t, -0.5), shell.at(t + 0.06, 0.5)], 0.005, vein, clear * 0.8, 0.0)
    return shell


def wings(
    s: Sketch,
    pose: Pose,
    hinge: Point,
    rest: float,
    spread: float,
    length: float,
    width: float,
    colour: Colour,
    *,
    alpha: float = 0.3,
    vein: Colour = (52, 44, 34),
    veins: int = 4,
) -> None:
    """A pair of wings between `rest` and `spread` (degrees from the head; 180 is straight back)."""
    angle = rest + (spread - rest) * pose.wings
    for side in SIDES:
        wing(s, hinge, angle, length, width, colour, side=side, alpha=alpha, vein=vein, veins=veins, beat=pose.flutter)
