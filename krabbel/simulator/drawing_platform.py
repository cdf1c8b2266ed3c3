"""The platform that insects land on: printed flowers in flat colours, as large as the trap's picture."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from krabbel.simulator.drawing_sketch import Colour, Point, vary

SIDE = 2000.0  # pixels of the trap's square picture
GROUNDS: tuple[Colour, ...] = ((96, 142, 80), (72, 148, 92), (172, 178, 30), (150, 164, 28), (122, 130, 188))
PETALS: tuple[Colour, ...] = (
    (208, 214, 34),
    (250, 168, 22),
    (240, 226, 166),
    (128, 134, 196),
    (222, 222, 224),
    (196, 196, 28),
    (64, 152, 110),
)


@dataclass(frozen=True, slots=True)
class Flower:
    """A round or lobed flower of one colour with a disc of another."""

    centre: Point
    radius: float
    lobes: int  # 0: a plain disc
    turn: float
    colour: Colour
    heart: Colour

    def outline(self, radius: float) -> list[Point]:
        """Its edge as 48 or 96 points in platform pixels."""
        n = 96 if self.lobes else 48
        ring: list[Point] = []
        for k in range(n):
            angle = 2 * math.pi * k / n
            r = radius * (1 - 0.2 * abs(math.sin(self.lobes * angle / 2 + self.turn)) ** 2.5) if self.lobes else radius
            ring.append((self.centre[0] + r * math.cos(angle), self.centre[1] + r * math.sin(angle)))
        return ring


@dataclass(frozen=True, slots=True)
class Platform:
    """One trap's platform. The same seed is the same print."""

    ground: Colour
    flowers: tuple[Flower, ...]

    @classmethod
    def printed(cls, seed: int) -> Platform:
        """Print a platform."""
        rng = random.Random(f"platform:{seed}")
        ground = vary(rng, rng.choice(GROUNDS), 7)
        flowers: list[Flower] = []
        for _ in range(70):
            colour, heart = rng.sample(PETALS, 2)
            while sum(abs(a - b) for a, b in zip(colour, ground, strict=True)) < 60:
                colour = rng.choice(PETALS)
            centre = (rng.uniform(0, SIDE), rng.uniform(0, SIDE))
            lobes = rng.choice([0, 0, 6, 8, 12])
            flowers.append(
                Flower(
                    centre,
                    rng.uniform(60, 170),
                    lobes,
                    rng.uniform(0, math.pi),
                    vary(rng, colour, 5),
                    vary(rng, heart, 5),
                )
            )
        return cls(ground, tuple(flowers))

    def window(self, left: float, top: float, width: int, height: int, fine: int) -> Image.Image:
        """The part of the print at (left, top) as RGB of width * fine by height * fine pixels."""
        canvas = Image.new("RGB", (width * fine, height * fine), self.ground)
        draw = ImageDraw.Draw(canvas)
        for flower in self.flowers:
            x, y, r = *flower.centre, flower.radius
            if x + r < left or x - r > left + width or y + r < top or y - r > top + height:
                continue
            for radius, colour in ((r, flower.colour), (r * 0.42, flower.heart)):
                draw.polygon(
                    [((px - left) * fine, (py - top) * fine) for px, py in flower.outline(radius)], fill=colour
                )
        return canvas


@dataclass(frozen=True, slots=True)
class Light:
    """Sun or cloud during one run."""

    shadow: float  # 0 overcast to 0.7 full sun
    reach: Point  # of the shadow, as a share of the body length
    blur: float  # of its edge, pixels
    gain: tuple[float, float, float]  # exposure and colour cast of R, G, B
    shade: tuple[float, float, float] | None  # a broad plant shadow: angle and phase (radians), depth

    @classmethod
    def drawn(cls, rng: random.Random) -> Light:
        """Draw the light of a run."""
        sunny = rng.random() < 0.65
        angle = rng.uniform(0, 2 * math.pi)
        far = rng.uniform(0.08, 0.32) if sunny else rng.uniform(0.02, 0.06)
        exposure = rng.gauss(1.0, 0.07)
        warm = rng.gauss(0.0, 0.05)
        gain = (exposure * (1 + warm), exposure, exposure * (1 - warm))
        shade = (
            (rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi), rng.uniform(0.55, 0.75))
            if sunny and rng.random() < 0.2
            else None
        )
        depth = rng.uniform(0.38, 0.62) if sunny else rng.uniform(0.12, 0.25)
        return cls(
            depth, (far * math.cos(angle), far * math.sin(angle)), rng.uniform(0.8, 2.2) if sunny else 3.0, gain, shade
        )
