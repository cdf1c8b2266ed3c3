"""What was said of a run before it came here, as a classification by the model ``imported@1``."""

from datetime import datetime

from krabbel.importer.found import Label
from proto.classification import Certainty, Classification, RunResult
from proto.run import TrackingRun
from proto.taxonomy import entry

MODEL_ID = "imported@1"
SURE_FROM, PROBABLE_FROM = 0.8, 0.5
"""The classifier's limits (services/classifier/aggregate.py, GPL, is not imported here; a test compares them)."""


def certainty_of(probability: float) -> Certainty:
    """Return the plain word for a probability."""
    if probability < PROBABLE_FROM:
        return Certainty.UNCLEAR
    return Certainty.SURE if probability >= SURE_FROM else Certainty.PROBABLE


def imported_classification(run: TrackingRun, label: Label, at: datetime) -> Classification:
    """Return the label as a classification of the run.

    The predecessor looked at the first picture only (by name), whatever its column track_ID_imgs says: so N is 1, and
    that picture is the one to show.
    """
    first = min(run.images, key=lambda image: image.file_name)
    result = RunResult(
        model_id=MODEL_ID,
        label=label.name,
        is_insect=entry(label.name).is_insect,
        certainty=certainty_of(label.probability),
        top1_images=1,
        images=1,
        probability_mean=label.probability,
        probability_weighted=label.probability,
        best_image=first.sha256,
        classified_at=at,
    )
    return Classification(run_id=run.run_id, model_id=MODEL_ID, result=result, images=())
