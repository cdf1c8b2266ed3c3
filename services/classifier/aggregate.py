"""From what the network said of each image to what the run is: pure functions.

The method is insect-detect's post-processing. For a run with N classified images, and for each class c that is top-1 in
n_c of them with mean top-1 probability p_c: ``weighted_c = p_c * n_c / N``. The run's class has the largest weighted_c;
ties go to the class with more images, then alphabetically.

Certainty, in plain words, follows from weighted_c: at least 0.8 is *sure* ("sicher"), at least 0.5 *probable*
("wahrscheinlich"), less is *unclear* ("unklar"). 0.5 means that all other classes together cannot weigh more; 0.8 needs
nearly all images to agree with high probability. A run with fewer images than ``min_images`` is always unclear.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from proto.classification import TOP_K, Certainty, ClassScore, ImageClassification, RunResult
from proto.taxonomy import entry
from services.classifier.network import Probabilities

SURE_FROM = 0.8
PROBABLE_FROM = 0.5


class NoReadableImage(Exception):
    """Not one image of the run could be classified; the message says why, in words."""


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """One image of a run: what the network said (best first), or why it could not be read."""

    sha256: str
    top: tuple[ClassScore, ...] = ()
    error: str | None = None
    width: int = 0
    height: int = 0
    sharpness: float = 0.0

    def as_contract(self) -> ImageClassification:
        """Return what is stored of it."""
        return ImageClassification(sha256=self.sha256, top=self.top, error=self.error)


@dataclass(frozen=True, slots=True)
class ClassWeight:
    """How much speaks for one class in a run."""

    label: str
    images: int
    """n_c"""
    mean: float
    """p_c"""
    weighted: float
    """p_c * n_c / N"""


def top_classes(rows: Probabilities, names: Sequence[str], count: int = TOP_K) -> list[tuple[ClassScore, ...]]:
    """Return the ``count`` most probable classes of each image [N, C], best first; ties in the network's order."""
    order = (-rows).argsort(axis=1, kind="stable")[:, :count]
    scores = np.take_along_axis(rows, order, axis=1).clip(0.0, 1.0)
    return [
        tuple(ClassScore(label=names[index], probability=score) for index, score in zip(*best, strict=True))
        for best in zip(order.tolist(), scores.tolist(), strict=True)
    ]


def weigh(tops: Sequence[ClassScore]) -> list[ClassWeight]:
    """Return all classes that are top-1 of some image, the run's class first.

    Sums are exact (``math.fsum``), so that equal weights are found equal whatever the order of the images.
    """
    by_label: dict[str, list[float]] = defaultdict(list)
    for top in tops:
        by_label[top.label].append(top.probability)
    weights = [
        ClassWeight(label, len(found), math.fsum(found) / len(found), math.fsum(found) / len(tops))
        for label, found in by_label.items()
    ]
    return sorted(weights, key=lambda weight: (-weight.weighted, -weight.images, weight.label))


def certainty_of(weighted: float, images: int, min_images: int = 1) -> Certainty:
    """Return the plain word for a weighted probability (see the module's text)."""
    if images < min_images or weighted < PROBABLE_FROM:
        return Certainty.UNCLEAR
    return Certainty.SURE if weighted >= SURE_FROM else Certainty.PROBABLE


def best_image(outcomes: Sequence[ImageOutcome], label: str) -> str | None:
    """Return the SHA-256 of the picture to show: of the run's class, probable, sharp and large.

    ``probability * (1/2 + sharpness/4 + side/4)``, the last two relative to the run's best. An image of another class
    is only shown where none is of this one (which cannot happen for the run's own class).
    """
    readable = [outcome for outcome in outcomes if outcome.top]
    candidates = [outcome for outcome in readable if outcome.top[0].label == label] or readable
    if not candidates:
        return None
    sharpest = max(outcome.sharpness for outcome in candidates) or 1.0
    longest = max(min(outcome.width, outcome.height) for outcome in candidates) or 1

    def score(outcome: ImageOutcome) -> float:
        side = min(outcome.width, outcome.height) / longest
        return outcome.top[0].probability * (0.5 + 0.25 * outcome.sharpness / sharpest + 0.25 * side)

    return min(candidates, key=lambda outcome: (-score(outcome), outcome.sha256)).sha256


def aggregate(
    outcomes: Sequence[ImageOutcome], *, model_id: str, demo: bool, classified_at: datetime, min_images: int = 1
) -> RunResult:
    """Return the run's result. Images that could not be read do not count towards N.

    Raises:
        NoReadableImage: there is none that could.
    """
    tops = [outcome.top[0] for outcome in outcomes if outcome.top]
    if not tops:
        reasons = sorted({outcome.error or "no result" for outcome in outcomes})
        raise NoReadableImage(
            f"None of the {len(outcomes)} images could be classified: {'; '.join(reasons[:3])}"
            + (f" (and {len(reasons) - 3} other reasons)" if len(reasons) > 3 else "")
        )
    weights = weigh(tops)
    first = weights[0]
    return RunResult(
        model_id=model_id,
        label=first.label,
        is_insect=entry(first.label).is_insect,
        certainty=certainty_of(first.weighted, len(tops), min_images),
        top1_images=first.images,
        images=len(tops),
        probability_mean=first.mean,
        probability_weighted=first.weighted,
        runner_up=ClassScore(label=weights[1].label, probability=weights[1].weighted) if len(weights) > 1 else None,
        best_image=best_image(outcomes, first.label),
        classified_at=classified_at,
        demo_model=demo,
    )
