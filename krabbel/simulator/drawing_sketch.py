"""The pencil: a display list of flat shapes in body units, and shells whose patterns follow their outline.

Body units: the animal lies along x, head towards +x, and is 1 long from head to tail. y is to its left.
A sketch knows no pixels: `render` places it (shape points are turned into pixels in one numpy call).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]  # RGB, 0 to 255
Point = tuple[float, float]  # (x, y)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way (0 to 1) from a to b."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


def vary(rng: random.Random, colour: Colour, spread: float = 12.0) -> Colour:
    """A neighbour of the colour: individuals of a species differ by some levels in brightness and channel."""
    lift = rng.gauss(0.0, spread)
    red, green, blue = (max(0, min(255, round(c + lift + rng.gauss(0.0, spread / 3)))) for c in colour)
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Pose:
    """What changes from frame to frame while the individual stays the same."""

    phase: float = 0.0  # of the walking legs, radians
    wings: float = 0.5  # 0 folded to 1 spread
    bend: float = 0.0  # sideways curve of the body, body units at one length from the middle
    feel: float = 0.0  # antennae, radians
    flutter: float = 0.0  # 0 wings at rest to 1 wings beating


@dataclass(frozen=True, slots=True)
class Shell:
    """A closed outline along an axis, addressed by t (0 front to 1 rear) and v (-1 to 1 from edge to edge).

    Its half width is half * sin(pi * t**lean) ** blunt: lean > 1 moves the widest place to the rear, blunt < 1 squares
    the ends.
    `far` gives the side of negative v a half width of its own (wings).
    """

    origin: Point
    angle: float  # direction of the axis, degrees from +x
    length: float
    half: float
    lean: float = 1.0
    blunt: float = 0.5
    trim: tuple[float, float] = (0.0, 1.0)  # the part of the profile that is used
    far: float | None = None
    side: int = 1  # -1 mirrors at the body axis

    def at(self, t: float, v: float) -> Point:
        """The point (t, v) in body units."""
        low, high = self.trim
        part = min(1.0, max(0.0, low + t * (high - low)))
        half = self.half if v >= 0 or self.far is None else self.far
        along = t * self.length
        across = v * half * math.sin(math.pi * part**self.lean) ** self.blunt if 0.0 < part < 1.0 else 0.0
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        return self.origin[0] + along * cos - across * sin, self.side * (self.origin[1] + along * sin + across * cos)

    def patch(self, t0: float, t1: float, v0: float, v1: float, bow: float = 0.0) -> list[Point]:
        """Outline of the area between t0 and t1, v0 and v1; bow > 0 lets its cross edges hang back at the sides."""
        steps = 5 + int(12 * abs(t1 - t0))
        ts = [t0 + (t1 - t0) * i / steps for i in range(steps + 1)]
        vs = [v0 + (v1 - v0) * i / 5 for i in range(6)]
        ring = (
            [(t0, v) for v in vs]
            + [(t, v1) for t in ts]
            + [(t1, v) for v in reversed(vs)]
            + [(t, v0) for t in reversed(ts)]
        )
        return [self.at(min(1.0, max(0.0, t + bow * v * v)), v) for t, v in ring]


@dataclass(frozen=True, slots=True)
class Shape:
    """One filled polygon (width 0) or polyline (width > 0), in body units."""

    points: Sequence[Point]
    fill: tuple[int, int, int, int]
    width: float
    cast: float  # how dark its shadow is, 0 to 1


@dataclass(slots=True)
class Sketch:
    """Shapes in the order of painting."""

    shapes: list[Shape] = field(default_factory=list)

    def area(self, points: Sequence[Point], colour: Colour, alpha: float = 1.0, cast: float | None = None) -> None:
        """A filled polygon; alpha 0 to 1. Only large parts need to cast a shadow: small marks on them do not."""
        self.shapes.append(Shape(points, (*colour, round(255 * alpha)), 0.0, alpha if cast is None else cast))

    def line(
        self, points: Sequence[Point], width: float, colour: Colour, alpha: float = 1.0, cast: float | None = None
    ) -> None:
        """A polyline of the given width (body units)."""
        self.shapes.append(Shape(points, (*colour, round(255 * alpha)), width, alpha if cast is None else cast))

    def oval(
        self,
        centre: Point,
        rx: float,
        ry: float,
        colour: Colour,
        *,
        turn: float = 0.0,
        alpha: float = 1.0,
        cast: float | None = None,
    ) -> None:
        """An ellipse with half axes rx, ry, turned by `turn` degrees."""
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        ring = [(rx * math.cos(k * math.pi / 9), ry * math.sin(k * math.pi / 9)) for k in range(18)]
        self.area(
            [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in ring], colour, alpha, cast
        )

    def body(self, shell: Shell, colour: Colour, alpha: float = 1.0) -> None:
        """The whole shell in one colour, with its shadow."""
        self.area(shell.patch(0, 1, -1, 1), colour, alpha)

    def mark(
        self,
        shell: Shell,
        t: tuple[float, float],
        v: tuple[float, float],
        colour: Colour,
        *,
        alpha: float = 1.0,
        bow: float = 0.0,
    ) -> None:
        """A patch of pattern on a shell, no shadow of its own."""
        self.area(shell.patch(*t, *v, bow), colour, alpha, 0.0)

    def shade(self, shell: Shell, gloss: float = 0.16) -> None:
        """Roundness: darker flanks and rear, a gloss along the back."""
        for edge, depth in ((0.5, 0.12), (0.68, 0.16), (0.84, 0.22)):
            self.mark(shell, (0, 1), (edge, 1), (0, 0, 0), alpha=depth)
            self.mark(shell, (0, 1), (-1, -edge), (0, 0, 0), alpha=depth)
        self.mark(shell, (0.86, 1), (-1, 1), (0, 0, 0), alpha=0.2)
        for t, v in (((0.12, 0.8), (-0.45, 0.2)), ((0.2, 0.66), (-0.32, 0.02))):
            self.mark(shell, t, v, (255, 255, 250), alpha=gloss)

    def fur(
        self,
        shell: Shell,
        rng: random.Random,
        colours: Iterable[Colour],
        hairs: int,
        length: float,
        t: tuple[float, float] = (0, 1),
    ) -> None:
        """Short hairs pointing outwards and back, over the part t of a shell."""
        pool = list(colours)
        for _ in range(hairs):
            v = math.copysign(rng.random() ** 0.6, rng.random() - 0.5)
            at = rng.uniform(*t)
            root, tip = shell.at(at, v * 0.92), shell.at(min(1.0, at + length * 0.8), v * 0.92)
            end = (tip[0], tip[1] + math.copysign(length * abs(v), root[1]))
            self.line([root, end], 0.012, rng.choice(pool), 0.75, 0.1)

    def render(
        self,
        canvas: Image.Image,
        place: Placement,
        *,
        shadow: bool = False,
        offset: Point = (0.0, 0.0),
        thin: float = 1.0,
    ) -> None:
        """Paint on an RGB canvas, or, as shadow, on an L mask (0 to 255). `thin` is the least line width in pixels."""
        if not self.shapes:
            return
        draw = ImageDraw.Draw(canvas, "L" if shadow else "RGBA")
        pixels = place.pixels(np.array([p for shape in self.shapes for p in shape.points], dtype=np.float64))
        flat = (pixels + np.array(offset)).tolist()
        start = 0
        for shape in self.shapes:
            stop = start + len(shape.points)
            points = [(x, y) for x, y in flat[start:stop]]
            start = stop
            if shadow and shape.cast < 0.05:
                continue
            fill: int | tuple[int, int, int, int] = round(255 * shape.cast) if shadow else shape.fill
            if shape.width == 0.0:
                draw.polygon(points, fill=fill)
            else:
                draw.line(points, fill=fill, width=max(1, round(max(thin, shape.width * place.scale))), joint="curve")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a sketch lies on a canvas."""

    centre: Point  # pixels
    heading: float  # radians, 0 to the right, clockwise as y points down
    scale: float  # pixels per body unit
    roll: float = 1.0  # 1 flat, less when the animal leans to a side
    bend: float = 0.0

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Body units (n, 2) to pixels (n, 2)."""
        x, y = points[:, 0], points[:, 1] * self.roll + self.bend * points[:, 0] ** 2
        cos, sin = math.cos(self.heading) * self.scale, math.sin(self.heading) * self.scale
        return np.stack((self.centre[0] + x * cos - y * sin, self.centre[1] + x * sin + y * cos), axis=1)
