"""The run's class: insect-detect's method, by tables of cases."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.classification import Certainty, ClassScore
from services.classifier.aggregate import (
    ImageOutcome,
    NoReadableImage,
    aggregate,
    best_image,
    certainty_of,
    top_classes,
    weigh,
)

NOW = datetime(2024, 5, 15, 8, 0, tzinfo=UTC)


def image(number: int, label: str, probability: float, *, sharpness: float = 100.0, side: int = 100) -> ImageOutcome:
    top = (ClassScore(label=label, probability=probability), ClassScore(label="other", probability=0.0))
    return ImageOutcome(f"{number:064x}", top, width=side, height=side + 5, sharpness=sharpness)


def broken(number: int, error: str = "cannot be decoded") -> ImageOutcome:
    return ImageOutcome(f"{number:064x}", error=error)


def run_of(*images: tuple[str, float]) -> list[ImageOutcome]:
    return [image(number, label, probability) for number, (label, probability) in enumerate(images)]


@pytest.mark.parametrize(
    ("images", "label", "n_c", "p_c", "weighted", "runner_up"),
    [
        pytest.param([("bee", 0.9)], "bee", 1, 0.9, 0.9, None, id="one image"),
        pytest.param([("bee", 0.9), ("bee", 0.7)], "bee", 2, 0.8, 0.8, None, id="all agree"),
        pytest.param(
            [("fly", 0.6), ("fly", 0.6), ("bee", 0.99)],
            "fly",
            2,
            0.6,
            0.4,
            ("bee", 0.33),
            id="many beat one that is sure",
        ),
        pytest.param(
            [("fly", 0.3), ("fly", 0.3), ("bee", 0.99)],
            "bee",
            1,
            0.99,
            0.33,
            ("fly", 0.2),
            id="one sure beats many unsure",
        ),
        pytest.param(
            [("fly", 0.4), ("fly", 0.4), ("bee", 0.8)],
            "fly",
            2,
            0.4,
            0.8 / 3,
            ("bee", 0.8 / 3),
            id="equal weights go to the class with more images",
        ),
        pytest.param([("wasp", 0.5), ("ant", 0.5)], "ant", 1, 0.5, 0.25, ("wasp", 0.25), id="then alphabetically"),
        pytest.param([("a", 0.1), ("b", 0.1), ("c", 0.1)], "a", 1, 0.1, 0.1 / 3, ("b", 0.1 / 3), id="three equal ones"),
    ],
)
def test_run_has_the_class_with_the_largest_weighted_probability(
    images: list[tuple[str, float]],
    label: str,
    n_c: int,
    p_c: float,
    weighted: float,
    runner_up: tuple[str, float] | None,
) -> None:
    result = aggregate(run_of(*images), model_id="m@1", demo=False, classified_at=NOW)
    assert (result.label, result.top1_images, result.images) == (label, n_c, len(images))
    assert result.probability_mean == pytest.approx(p_c, abs=1e-15)
    assert result.probability_weighted == pytest.approx(weighted, abs=1e-15)
    if runner_up is None:
        assert result.runner_up is None
    else:
        assert result.runner_up is not None
        assert result.runner_up.label == runner_up[0]
        assert result.runner_up.probability == pytest.approx(runner_up[1], abs=1e-15)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 1)), min_size=1, max_size=40), st.randoms())
def test_the_order_of_the_images_never_matters(images: list[tuple[str, float]], random: object) -> None:
    tops = [ClassScore(label=label, probability=probability) for label, probability in images]
    shuffled = list(tops)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert weigh(tops) == weigh(shuffled)
    assert sum(weight.images for weight in weigh(tops)) == len(tops)


def test_full_precision_is_kept() -> None:
    result = aggregate(
        run_of(("bee", 1 / 3), ("bee", 2 / 3), ("fly", 0.1)), model_id="m@1", demo=True, classified_at=NOW
    )
    assert result.probability_mean == 0.5
    assert result.probability_weighted == 1 / 3
    assert result.demo_model
    assert result.model_id == "m@1"
    assert result.classified_at == NOW


def test_unreadable_images_do_not_count() -> None:
    result = aggregate([*run_of(("bee", 0.8)), broken(7)], model_id="m@1", demo=False, classified_at=NOW)
    assert (result.images, result.top1_images, result.probability_weighted) == (1, 1, 0.8)


def test_run_without_a_readable_image_says_why() -> None:
    with pytest.raises(NoReadableImage, match="None of the 3 images could be classified: gone; torn"):
        aggregate(
            [broken(1, "torn"), broken(2, "gone"), broken(3, "torn")], model_id="m@1", demo=False, classified_at=NOW
        )


@pytest.mark.parametrize(
    ("weighted", "images", "min_images", "certainty"),
    [
        (1.0, 1, 1, Certainty.SURE),
        (0.8, 5, 1, Certainty.SURE),
        (0.7999, 5, 1, Certainty.PROBABLE),
        (0.5, 5, 1, Certainty.PROBABLE),
        (0.4999, 5, 1, Certainty.UNCLEAR),
        (0.99, 2, 3, Certainty.UNCLEAR),
        (0.99, 3, 3, Certainty.SURE),
    ],
)
def test_certainty_follows_documented_thresholds(
    weighted: float, images: int, min_images: int, certainty: Certainty
) -> None:
    assert certainty_of(weighted, images, min_images) is certainty


@pytest.mark.parametrize(
    ("label", "is_insect"), [("hfly_episyr", True), ("none_shadow", False), ("none_bird", False), ("new_one", True)]
)
def test_insect_is_what_the_taxonomy_says(label: str, is_insect: bool) -> None:
    assert aggregate(run_of((label, 0.9)), model_id="m@1", demo=False, classified_at=NOW).is_insect is is_insect


@pytest.mark.parametrize(
    ("images", "best"),
    [
        pytest.param([image(0, "fly", 0.99), image(1, "bee", 0.6), image(2, "bee", 0.6)], 1, id="of the run's class"),
        pytest.param([image(0, "bee", 0.6), image(1, "bee", 0.9)], 1, id="the more probable"),
        pytest.param([image(0, "bee", 0.9, sharpness=10), image(1, "bee", 0.9, sharpness=90)], 1, id="the sharper"),
        pytest.param([image(0, "bee", 0.9, side=50), image(1, "bee", 0.9, side=150)], 1, id="the larger"),
        pytest.param([image(0, "bee", 0.9, sharpness=0), image(1, "bee", 0.9, sharpness=0)], 0, id="always the same"),
        pytest.param([broken(0), image(1, "fly", 0.2)], 1, id="another class where there is none"),
    ],
)
def test_best_image_is_of_the_class_probable_sharp_and_large(images: list[ImageOutcome], best: int) -> None:
    assert best_image(images, "bee") == f"{best:064x}"


def test_no_best_image_where_none_can_be_read() -> None:
    assert best_image([broken(0)], "bee") is None


def test_top_classes_of_each_image_are_sorted_and_limited() -> None:
    probabilities = np.array([[0.1, 0.4, 0.1, 0.2, 0.15, 0.05], [0.7, 0.1, 0.1, 0.1, 0, 0]], np.float32)
    first, second = top_classes(probabilities, "abcdef")
    assert [score.label for score in first] == ["b", "d", "e", "a", "c"]
    assert [score.label for score in second] == ["a", "b", "c", "d", "e"]
    assert first[0].probability == pytest.approx(0.4)
    assert [len(top) for top in top_classes(probabilities[:, :2], "ab")] == [2, 2]


def test_probability_that_rounding_took_over_one_is_one() -> None:
    [top] = top_classes(np.array([[1.0000001, -1e-9]], np.float32), "ab")
    assert [score.probability for score in top] == [1.0, 0.0]
