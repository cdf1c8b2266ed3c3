"""What a network said of images, and what follows for the run."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from proto.base import Contract, Probability, RunId, Sha256, UtcDatetime

TOP_K = 5
"""Classes kept per image."""


class Certainty(StrEnum):
    """The run's certainty in plain words, from ``probability_weighted`` (see services/classifier/aggregate.py)."""

    SURE = "sure"
    PROBABLE = "probable"
    UNCLEAR = "unclear"


class ClassScore(Contract):
    """One class and its probability."""

    label: str
    probability: Probability


class ImageClassification(Contract):
    """The network's best classes for one image, best first; empty with ``error`` where it could not be read."""

    sha256: Sha256
    top: Annotated[tuple[ClassScore, ...], Field(max_length=TOP_K)] = ()
    error: str | None = None


class RunResult(Contract):
    """The run's class, by insect-detect's post-processing: the class c with the largest p_c * n_c / N."""

    model_id: str = Field(description="Model that said so: name@version")
    label: str
    is_insect: bool
    certainty: Certainty
    top1_images: int = Field(ge=0, description="n_c: images with this class on top")
    images: int = Field(ge=1, description="N: images classified")
    probability_mean: Probability = Field(description="p_c: mean probability over those n_c images")
    probability_weighted: Probability = Field(description="p_c * n_c / N, at full precision")
    runner_up: ClassScore | None = Field(default=None, description="Second class, with its weighted probability")
    best_image: Sha256 | None = Field(default=None, description="The picture to show")
    classified_at: UtcDatetime
    demo_model: bool = False


class Classification(Contract):
    """All that one model said of one run: the document of collection ``classifications``, one per run and model."""

    run_id: RunId
    model_id: str
    result: RunResult
    images: tuple[ImageClassification, ...]
