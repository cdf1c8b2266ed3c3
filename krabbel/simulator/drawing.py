"""Drawn trap crops for demos and tests: every class of the taxonomy, seeded, with no photograph behind them.

    for frame in draw_run("bee_bombus", seed=7, frames=12):
        upload(frame.jpeg_bytes())

A run shows one individual: its colours, proportions and size come from (label, seed), so they stay the same in all
frames; place, heading, pose and blur change. Frame k of a run does not depend on how many frames are drawn.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from krabbel.simulator import drawing_bees as bees
from krabbel.simulator import drawing_beetles as beetles
from krabbel.simulator import drawing_flies as flies
from krabbel.simulator import drawing_hoverflies as hoverflies
from krabbel.simulator import drawing_nothing as nothing
from krabbel.simulator import drawing_others as others
from krabbel.simulator import drawing_winged as winged
from krabbel.simulator.drawing_camera import Shot, photograph
from krabbel.simulator.drawing_platform import SIDE, Light, Platform
from krabbel.simulator.drawing_sketch import Placement, Pose, Sketch

SMALLEST, LARGEST = 40, 200  # sides of a crop, pixels


@dataclass(frozen=True, slots=True)
class Plan:
    """How a class is drawn."""

    draw: Callable[[Sketch, random.Random, Pose], None]
    often: float  # runs per 1000 at a trap in early summer, roughly
    length: tuple[float, float]  # body, pixels
    margin: float  # crop side / body length
    speed: float  # pixels per frame
    flier: bool = False
    still: bool = False  # neither walks nor turns


PLANS: dict[str, Plan] = {
    "ant": Plan(bees.ant, 70, (30, 62), 1.55, 26),
    "bee": Plan(bees.bee, 60, (46, 84), 1.5, 14, True),
    "bee_apis": Plan(bees.apis, 70, (66, 104), 1.45, 14, True),
    "bee_bombus": Plan(bees.bombus, 35, (76, 118), 1.5, 16, True),
    "beetle": Plan(beetles.beetle, 25, (50, 96), 1.6, 12),
    "beetle_cocci": Plan(beetles.cocci, 15, (44, 72), 1.45, 12),
    "beetle_oedem": Plan(beetles.oedem, 12, (58, 92), 1.6, 9),
    "bug": Plan(beetles.bug, 18, (62, 96), 1.5, 8),
    "bug_grapho": Plan(beetles.grapho, 14, (58, 92), 1.5, 8),
    "fly": Plan(flies.fly, 95, (48, 84), 1.5, 16, True),
    "fly_empi": Plan(flies.empi, 12, (46, 80), 1.6, 12, True),
    "fly_sarco": Plan(flies.sarco, 35, (60, 96), 1.5, 14, True),
    "fly_small": Plan(flies.small, 120, (26, 36), 1.55, 10, True),
    "hfly_episyr": Plan(hoverflies.episyr, 80, (56, 88), 1.5, 14, True),
    "hfly_eristal": Plan(hoverflies.eristal, 55, (68, 104), 1.5, 14, True),
    "hfly_eupeo": Plan(hoverflies.eupeo, 35, (58, 92), 1.55, 14, True),
    "hfly_myathr": Plan(hoverflies.myathr, 15, (66, 100), 1.5, 14, True),
    "hfly_sphaero": Plan(hoverflies.sphaero, 30, (46, 76), 1.5, 14, True),
    "hfly_syrphus": Plan(hoverflies.syrphus, 30, (58, 94), 1.5, 14, True),
    "lepi": Plan(winged.lepi, 25, (96, 140), 1.4, 22, True),
    "none_bg": Plan(nothing.background, 25, (50, 150), 1.0, 4, still=True),
    "none_bird": Plan(nothing.bird, 6, (140, 200), 1.0, 14),
    "none_dirt": Plan(nothing.dirt, 30, (60, 150), 1.2, 0, still=True),
    "none_shadow": Plan(nothing.shadow, 25, (60, 150), 1.2, 5),
    "other": Plan(others.other, 35, (48, 96), 1.65, 12),
    "scorpionfly": Plan(winged.scorpionfly, 8, (70, 108), 1.6, 8, True),
    "wasp": Plan(bees.wasp, 30, (72, 112), 1.5, 18, True),
}
LABELS: tuple[str, ...] = tuple(sorted(PLANS))


@dataclass(frozen=True, slots=True)
class Frame:
    """One crop of a run."""

    image: Image.Image  # RGB, sides of 40 to 200 pixels
    box: tuple[float, float, float, float]  # x_min, y_min, x_max, y_max as shares of the trap's square picture

    def jpeg_bytes(self, quality: int = 85) -> bytes:
        """The crop as a trap sends it."""
        out = io.BytesIO()
        self.image.save(out, "JPEG", quality=quality)
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """One individual from appearing to leaving, with the true label."""

    label: str
    seed: int
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class _Stop:
    """Where the individual is in one frame."""

    x: float
    y: float
    heading: float
    step: float  # pixels since the last frame
    pose: Pose


def draw_run(label: str, seed: int, frames: int, *, platform_seed: int | None = None) -> list[Frame]:
    """Draw `frames` crops of one individual. `platform_seed` gives all runs of one camera the same platform."""
    plan = PLANS[label]
    rng = random.Random(f"{label}:{seed}")
    platform = Platform.printed(rng.getrandbits(16) if platform_seed is None else platform_seed)
    light = Light.drawn(rng)
    length = rng.uniform(*plan.length)
    aspect = math.exp(rng.gauss(0.0, 0.05))
    roll = rng.uniform(0.9, 1.0)
    noise, quality = rng.uniform(1.5, 5.0), rng.randint(62, 90)
    drawn: list[Frame] = []
    for number, stop in zip(range(frames), _way(plan, rng), strict=False):
        frame_rng = random.Random(f"{label}:{seed}:{number}")
        sketch = Sketch()
        plan.draw(sketch, random.Random(f"{label}:{seed}:looks"), stop.pose)
        side = length * plan.margin * frame_rng.uniform(0.96, 1.06)
        width = min(LARGEST, max(SMALLEST, round(side * aspect)))
        height = min(LARGEST, max(SMALLEST, round(side / aspect)))
        cut = 0.3 if frame_rng.random() < 0.06 else 0.06
        left = min(SIDE - width, max(0.0, stop.x - width / 2 + frame_rng.gauss(0, cut / 2) * width))
        top = min(SIDE - height, max(0.0, stop.y - height / 2 + frame_rng.gauss(0, cut / 2) * height))
        smear = min(0.07 * length, frame_rng.uniform(0, 0.22) * stop.step)
        shot = Shot(
            left,
            top,
            width,
            height,
            Placement((stop.x, stop.y), stop.heading, length, roll, stop.pose.bend),
            (smear * math.cos(stop.heading), smear * math.sin(stop.heading)),
            max(0.0, frame_rng.gauss(0.35, 0.25)),
            noise,
            quality,
        )
        image = photograph(sketch, platform, light, shot, frame_rng, shadow_only=label == "none_shadow")
        drawn.append(Frame(image, (left / SIDE, top / SIDE, (left + width) / SIDE, (top + height) / SIDE)))
    return drawn


def _way(plan: Plan, rng: random.Random) -> Iterator[_Stop]:
    """Walk: bursts and rests, a wandering heading, turning back at the platform's edge."""
    x, y = rng.uniform(0.15, 0.85) * SIDE, rng.uniform(0.15, 0.85) * SIDE
    heading, phase, feel = (rng.uniform(0, 2 * math.pi) for _ in range(3))
    spread = rng.random()
    while True:
        step = 0.0 if plan.still or rng.random() < 0.35 else rng.uniform(0.3, 1.8) * plan.speed
        turn = 0.0 if plan.still else rng.gauss(0.0, 0.35 if step else 0.12)
        heading += turn
        nx, ny = x + step * math.cos(heading), y + step * math.sin(heading)
        if not (0.08 * SIDE < nx < 0.92 * SIDE and 0.08 * SIDE < ny < 0.92 * SIDE):
            heading = math.atan2(SIDE / 2 - y, SIDE / 2 - x) + rng.gauss(0, 0.3)
            nx, ny = x + step * math.cos(heading), y + step * math.sin(heading)
        x, y = nx, ny
        phase += 0.25 * step + rng.gauss(0, 0.2)
        feel += rng.gauss(0, 0.9)
        spread = min(1.0, max(0.0, spread + rng.gauss(0, 0.22)))
        flutter = rng.uniform(0.5, 1.0) if plan.flier and rng.random() < 0.1 else 0.0
        yield _Stop(x, y, heading, step, Pose(phase, max(spread, flutter), 0.25 * turn, feel, flutter))


def random_run(rng: random.Random, *, most: int = 40, platform_seed: int | None = None) -> DrawnRun:
    """Draw a run of a class as often as a trap would see it; short runs are the rule, `most` frames the limit."""
    label = random_label(rng)
    seed = rng.getrandbits(31)
    frames = min(most, 1 + int(rng.lognormvariate(1.9, 0.9)))
    return DrawnRun(label, seed, tuple(draw_run(label, seed, frames, platform_seed=platform_seed)))


def random_label(rng: random.Random) -> str:
    """A class, weighted by how often traps see it."""
    return rng.choices(LABELS, [PLANS[label].often for label in LABELS])[0]
