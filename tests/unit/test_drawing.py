"""Drawn crops: the same seed is the same run, and a run is one individual."""

import io
import random
import time
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from krabbel.simulator.drawing import LABELS, LARGEST, PLANS, SMALLEST, draw_run, random_label, random_run
from krabbel.simulator.drawing_platform import Platform
from proto.taxonomy import taxonomy


def test_every_class_of_the_taxonomy_can_be_drawn() -> None:
    assert tuple(sorted(taxonomy())) == LABELS
    assert len(LABELS) == 27


@pytest.mark.parametrize("label", LABELS)
def test_crops_are_small_rgb_pictures_inside_the_traps_picture(label: str) -> None:
    for frame in draw_run(label, seed=5, frames=3):
        assert frame.image.mode == "RGB"
        assert all(SMALLEST <= side <= LARGEST for side in frame.image.size)
        x_min, y_min, x_max, y_max = frame.box
        assert 0 <= x_min < x_max <= 1
        assert 0 <= y_min < y_max <= 1


@pytest.mark.parametrize("label", LABELS)
def test_same_seed_draws_the_same_bytes_however_many_frames_are_asked_for(label: str) -> None:
    short, long = draw_run(label, seed=11, frames=2), draw_run(label, seed=11, frames=3)

    assert [f.jpeg_bytes() for f in short] == [f.jpeg_bytes() for f in long[:2]]
    assert [f.box for f in short] == [f.box for f in long[:2]]


def test_other_seeds_draw_other_individuals() -> None:
    pictures = {draw_run("bee_bombus", seed=seed, frames=1)[0].jpeg_bytes() for seed in range(12)}

    assert len(pictures) == 12


@pytest.mark.parametrize("label", LABELS)
def test_frames_of_a_run_differ(label: str) -> None:
    frames = draw_run(label, seed=2, frames=4)

    assert len({frame.jpeg_bytes() for frame in frames}) == 4


@pytest.mark.parametrize("label", [label for label in LABELS if not label.startswith("none_")])
def test_frames_of_a_run_keep_the_size_of_the_individual(label: str) -> None:
    widths = [frame.image.width for frame in draw_run(label, seed=3, frames=5)]

    assert max(widths) <= 1.15 * min(widths)


def test_frames_of_a_run_keep_its_colours() -> None:
    # Given runs of ladybirds, red as they are
    def red(image: Image.Image) -> np.ndarray:
        pixels = np.asarray(image, dtype=np.float64)
        dome = (pixels[..., 0] > 1.8 * pixels[..., 1]) & (pixels[..., 0] > 2 * pixels[..., 2])
        mean: np.ndarray = pixels[dome].mean(axis=0)
        return mean

    runs = [
        [red(frame.image) for frame in draw_run("beetle_cocci", seed=seed, frames=4, platform_seed=4)]
        for seed in range(8)
    ]
    # Then frames of one run are closer to each other than runs are
    within = np.mean([np.std(run, axis=0).mean() for run in runs])
    between = np.std([np.mean(run, axis=0) for run in runs], axis=0).mean()
    assert within < between


def test_individual_moves_less_in_a_frame_than_the_platform_is_wide() -> None:
    boxes = [frame.box for frame in draw_run("ant", seed=1, frames=30)]

    assert len(set(boxes)) > 10
    assert all(abs(a[0] - b[0]) < 0.1 and abs(a[1] - b[1]) < 0.1 for a, b in pairwise(boxes))


def test_a_platform_seed_is_one_print_for_all_runs_of_a_camera() -> None:
    assert Platform.printed(1) == Platform.printed(1)
    assert Platform.printed(1) != Platform.printed(2)

    here, there = (draw_run("ant", seed=3, frames=1, platform_seed=seed)[0] for seed in (1, 2))
    assert here.box == there.box
    assert here.jpeg_bytes() != there.jpeg_bytes()


def test_jpeg_bytes_are_a_jpeg_of_the_crop() -> None:
    frame = draw_run("wasp", seed=9, frames=1)[0]

    data = frame.jpeg_bytes(quality=90)

    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.size == frame.image.size
    assert len(frame.jpeg_bytes(quality=40)) < len(data)


def test_random_run_follows_the_frequency_table() -> None:
    rng = random.Random(1)
    drawn = [random_label(rng) for _ in range(4000)]

    assert set(drawn) <= set(LABELS)
    assert drawn.count("fly_small") > 3 * drawn.count("scorpionfly")
    assert all(plan.often > 0 for plan in PLANS.values())


def test_random_run_is_reproducible_and_bounded() -> None:
    first, second = (random_run(random.Random(8), most=3) for _ in range(2))

    assert first.label == second.label
    assert 1 <= len(first.frames) <= 3
    assert [f.jpeg_bytes() for f in first.frames] == [f.jpeg_bytes() for f in second.frames]


def test_unknown_label_is_refused() -> None:
    with pytest.raises(KeyError):
        draw_run("unicorn", seed=1, frames=1)


def test_drawing_keeps_up_with_a_demo_of_many_cameras() -> None:
    start = time.perf_counter()
    for label in LABELS:
        draw_run(label, seed=0, frames=2)
    assert (time.perf_counter() - start) / (2 * len(LABELS)) < 0.1  # seconds a crop; 0.008 on an idle core
