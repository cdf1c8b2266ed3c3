"""The two tables of insect-detect's post-processing: ``*_top1_final.csv`` and ``*_top1_all.csv``. Rows are plain code.

Columns and rounding are those of ``process_metadata.py`` (github.com/maxsitt/insect-detect-ml), without its rounding
before the weighting; times are the camera's local ones, naive as there. ``cam_ID`` is the camera's id here, ``rec_ID``
the trap's recording session; a trap that does not tell one has none, so the run's own start stands for it: cam_ID,
rec_ID and track_ID together name a run in any case.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from proto.run import ImageReference, TrackingRun
from services.query.exports.item import ExportContext, ExportItem, interval

FINAL_COLUMNS = (
    "cam_ID", "rec_ID", "date", "track_ID", "start_time", "end_time", "duration_s", "det_conf_mean", "track_ID_imgs",
    "top1_imgs", "top1", "top1_prob_mean", "top1_prob_weighted", "bbox_length_mean", "bbox_width_mean",
)  # fmt: skip
ALL_COLUMNS = (
    "cam_ID", "rec_ID", "track_ID", "track_ID_imgs", "top1_imgs", "top1", "top1_prob_mean", "top1_prob_weighted",
    "bbox_length_mean", "bbox_width_mean",
)  # fmt: skip
Row = Sequence[Any]


class ClassShare(NamedTuple):
    """How much speaks for one class in a run."""

    label: str
    images: int
    mean: float
    weighted: float
    box: tuple[float | None, float | None]
    """Mean longer and shorter side of the bounding boxes, relative to the frame."""


def shares(item: ExportItem) -> list[ClassShare]:
    """Return all classes of a run by weight p_c * n_c / N, the run's own first (services/classifier/aggregate.py)."""
    said = item.verdict.images if item.verdict else {}
    found: dict[str, list[tuple[float, ImageReference]]] = defaultdict(list)
    for image in item.run.images:
        verdict = said.get(image.sha256)
        if verdict and verdict.label:
            found[verdict.label].append((verdict.probability, image))
    total = sum(map(len, found.values()))
    rows = [
        ClassShare(
            label,
            len(seen),
            math.fsum(probability for probability, _ in seen) / len(seen),
            math.fsum(probability for probability, _ in seen) / total,
            box_sides(image for _, image in seen),
        )
        for label, seen in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.weighted, -row.images, row.label))


def box_sides(images: Iterable[ImageReference]) -> tuple[float | None, float | None]:
    """Return the mean of the boxes' longer and of their shorter sides; None where no box is known."""
    boxes = [image.bounding_box for image in images if image.bounding_box]
    sides = [(box.x_max - box.x_min, box.y_max - box.y_min) for box in boxes]
    return mean([max(pair) for pair in sides]), mean([min(pair) for pair in sides])


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, or None of nothing."""
    return math.fsum(values) / len(values) if values else None


def final_rows(item: ExportItem, context: ExportContext) -> Iterator[Row]:
    """Yield the run's row of ``*_top1_final.csv``; a run that is not classified has none. A person's class wins."""
    run, result = item.run, item.run.result
    if result is None:
        return
    zone = context.zone(run.camera_id)
    start, end = (moment.astimezone(zone).replace(tzinfo=None) for moment in interval(run))
    share = next((share for share in shares(item) if share.label == run.label), None)
    own = share.box if share else box_sides(run.images)
    figures = (result.top1_images, result.probability_mean, result.probability_weighted)
    if run.label != result.label:  # a person corrected it: what the machine said for that class
        figures = (share.images, share.mean, share.weighted) if share else (0, 0.0, 0.0)
    confidences = [image.detection_confidence for image in run.images if image.detection_confidence is not None]
    yield (
        run.camera_id,
        recording(run, context),
        start.date().isoformat(),
        run.tracking_id,
        start.isoformat(sep=" "),
        end.isoformat(sep=" "),
        round((end - start).total_seconds(), 2),
        rounded(mean(confidences), 2),
        result.images,
        figures[0],
        run.label,
        round(figures[1], 2),
        round(figures[2], 2),
        rounded(own[0], 3),
        rounded(own[1], 3),
    )


def all_rows(item: ExportItem, context: ExportContext) -> Iterator[Row]:
    """Yield the run's rows of ``*_top1_all.csv``: one for each class that is first on any picture."""
    found = shares(item)
    total = sum(share.images for share in found)
    for label, images, average, weighted, (length, width) in found:
        yield (
            item.run.camera_id,
            recording(item.run, context),
            item.run.tracking_id,
            total,
            images,
            label,
            round(average, 2),
            round(weighted, 2),
            rounded(length, 3),
            rounded(width, 3),
        )


def recording(run: TrackingRun, context: ExportContext) -> str:
    """Return the recording that a run belongs to."""
    if run.trap and run.trap.session_id:
        return run.trap.session_id
    return f"{interval(run)[0].astimezone(context.zone(run.camera_id)):%Y-%m-%d_%H-%M-%S}"


def rounded(value: float | None, digits: int) -> float | str:
    """Return the value as the tables show it."""
    return "" if value is None else round(value, digits)
