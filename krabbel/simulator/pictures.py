"""Where a simulated trap takes its crops from: drawn ones, or a folder of real ones."""

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from krabbel.simulator.drawing import random_run

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Shot:
    """One crop to upload: bytes as the trap sends them, and its box (x_min, y_min, x_max, y_max; 0 to 1) if known."""

    data: bytes
    suffix: str
    box: tuple[float, float, float, float] | None = None


class Pictures:
    """Runs of crops, without end. Drawing happens in one thread, so that uploads go on meanwhile."""

    def __init__(self, source: str, seed: int, frames: int) -> None:
        """``source``: ``synthetic``, or a folder (each sub-folder is a run; loose pictures are runs of one).

        Raises:
            ValueError: the folder is missing or holds no picture.
        """
        self._frames = frames
        self._random = random.Random(seed)
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="draw")
        self._runs: list[list[Path]] | None = None
        if source != "synthetic":
            self._runs = _runs_below(Path(source))

    async def run(self, platform_seed: int) -> list[Shot]:
        """Return the crops of the next run, at most ``frames``; a camera's ``platform_seed`` keeps its background."""
        seed = self._random.getrandbits(48)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._make, seed, platform_seed)

    def _make(self, seed: int, platform_seed: int) -> list[Shot]:
        chance = random.Random(seed)
        if self._runs is not None:
            files = chance.choice(self._runs)[: self._frames]
            return [Shot(path.read_bytes(), path.suffix.lower()) for path in files]
        drawn = random_run(chance, most=self._frames, platform_seed=platform_seed)
        return [Shot(frame.jpeg_bytes(), ".jpg", frame.box) for frame in drawn.frames]

    def close(self) -> None:
        """End the drawing thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _runs_below(folder: Path) -> list[list[Path]]:
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; give a folder of pictures, or 'synthetic'")

    def pictures(place: Path) -> Iterator[Path]:
        return (path for path in sorted(place.iterdir()) if path.suffix.lower() in SUFFIXES)

    runs = [[path] for path in pictures(folder)]
    runs += [found for place in sorted(folder.iterdir()) if place.is_dir() and (found := list(pictures(place)))]
    if not runs:
        raise ValueError(f"{folder} holds no picture ({', '.join(sorted(SUFFIXES))})")
    return runs
