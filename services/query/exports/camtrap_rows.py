"""Camtrap DP 1.0.2: what a run is in its tables. Plain code.

A run is one event-level observation; its images are media, each with a media-level observation of the same ``eventID``.
A media is a crop, never the full frame, so there are no bounding boxes: those are relative to the media. A track's
number starts anew with every recording, so it is a tag and no ``individualID``.
Terms: https://camtrap-dp.tdwg.org/data/ (1.0.2).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from functools import cache
from importlib import resources
from typing import NamedTuple

from proto.camera import Camera
from proto.run import ImageReference, TrackingRun
from services.query.exports.item import ExportContext, ExportItem, ImageVerdict, interval, is_doubted, stamp
from services.query.exports.layout import Layout
from services.query.exports.observed import UNCLASSIFIED, UNSURE_BELOW, Observed, model_name, observed, observed_run
from services.query.exports.place import Place
from services.query.gone import words


@cache
def columns(table: str) -> tuple[str, ...]:
    """Return a table's columns, from the official schema."""
    file = resources.files("services.query.exports").joinpath("schemas", f"{table}-table-schema.json")
    return tuple(field["name"] for field in json.loads(file.read_text(encoding="utf-8"))["fields"])


class DeploymentRow(NamedTuple):
    """A camera at its place. The filled columns of ``deployments.csv``."""

    deploymentID: str
    locationID: str
    locationName: str
    latitude: str
    longitude: str
    coordinateUncertainty: str
    deploymentStart: str
    deploymentEnd: str
    cameraID: str
    timestampIssues: str
    deploymentComments: str


class MediaRow(NamedTuple):
    """A picture. The filled columns of ``media.csv``."""

    mediaID: str
    deploymentID: str
    captureMethod: str
    timestamp: str
    filePath: str
    filePublic: str
    fileName: str
    fileMediatype: str
    favorite: str
    mediaComments: str


class ObservationRow(NamedTuple):
    """What was seen in an event or a picture. The filled columns of ``observations.csv``."""

    observationID: str
    deploymentID: str
    mediaID: str
    eventID: str
    eventStart: str
    eventEnd: str
    observationLevel: str
    observationType: str
    scientificName: str
    count: str  # type: ignore[assignment]  # the schema's name, which hides tuple.count
    classificationMethod: str
    classifiedBy: str
    classificationTimestamp: str
    classificationProbability: str
    observationTags: str
    observationComments: str


@cache
def layouts() -> tuple[Layout, Layout, Layout]:
    """Return the layouts of deployments, media and observations."""
    return (
        Layout(columns("deployments"), DeploymentRow._fields),
        Layout(columns("media"), MediaRow._fields),
        Layout(columns("observations"), ObservationRow._fields),
    )


def media_rows(item: ExportItem, context: ExportContext, zone: tzinfo, *, public: str) -> Iterator[MediaRow]:
    """Yield a run's pictures that are kept. Their times are the trap's, or the event's where its clock is doubted."""
    run = item.run
    doubted, best = is_doubted(run), run.result.best_image if run.result else None
    for number, image in _kept(run):
        taken = interval(run)[0] if doubted or image.taken_at is None else image.taken_at
        yield MediaRow(
            f"{run.run_id}-{number}",
            run.camera_id,
            "activityDetection",
            stamp(taken, zone),
            context.image_url(image.object_key),
            public,
            image.file_name,
            image.content_type,
            "true" if image.sha256 == best else "false",
            "crop of the detected animal; not the full frame",
        )


def observation_rows(item: ExportItem, zone: tzinfo) -> Iterator[ObservationRow]:
    """Yield the run's event-level observation, then one for each picture that is kept: each needs its media's row."""
    run, result = item.run, item.run.result
    start, end = (stamp(moment, zone) for moment in interval(run))
    seen = observed_run(run)
    method, by, when, probability = identification(run, zone)
    classified = "" if result is None else stamp(result.classified_at, zone)
    yield ObservationRow(
        run.run_id,
        run.camera_id,
        "",
        run.run_id,
        start,
        end,
        "event",
        seen.kind,
        seen.name,
        _count(seen),
        method,
        by,
        when,
        probability,
        event_tags(run),
        event_comment(run),
    )
    verdict = item.verdict
    said, model = (verdict.images, model_name(verdict.model_id)) if verdict else ({}, "")
    for number, image in _kept(run):
        seen, probability, label, comment = image_view(said.get(image.sha256))
        identity = f"{run.run_id}-{number}"
        yield ObservationRow(
            identity,
            run.camera_id,
            identity,
            run.run_id,
            start,
            end,
            "media",
            seen.kind,
            seen.name,
            _count(seen),
            "machine" if label else "",
            model if label else "",
            classified if label else "",
            probability,
            f"label:{label}" if label else "",
            comment,
        )


def _kept(run: TrackingRun) -> Iterator[tuple[int, ImageReference]]:
    """Yield the pictures that are kept, each with the number that it has had from the start."""
    gone = run.pictures_gone
    numbered = enumerate(run.images)
    return numbered if gone is None else (pair for pair in numbered if pair[1].sha256 in gone.kept)


def identification(run: TrackingRun, zone: tzinfo) -> tuple[str, str, str, str]:
    """Return who said what the event is: method, by whom, when, and the probability, which is omitted for people."""
    if run.verification is not None:
        said = run.verification
        return "human", said.verified_by, stamp(said.verified_at, zone), ""
    if run.result is None:
        return "", "", "", ""
    result = run.result
    weight = f"{result.probability_weighted:.6f}"
    return "machine", model_name(result.model_id), stamp(result.classified_at, zone), weight


def image_view(said: ImageVerdict | None) -> tuple[Observed, str, str, str]:
    """Return what was seen in one picture, its probability, label, and what is to be said of it."""
    if said is None or not said.label:
        return UNCLASSIFIED, "", "", said.error if said else ""
    label, probability, _ = said
    return observed(label, unsure=probability < UNSURE_BELOW), f"{probability:.6f}", label, ""


def event_tags(run: TrackingRun) -> str:
    """Return the event's tags: the label, and on how many pictures it rests; where a person spoke, also the model's."""
    result, said = run.result, run.verification
    tags = [f"label:{_tag(run.label)}"] if run.label else []
    tags.append(f"trackImages:{len(run.images)}")
    if said and result:
        tags += [f"verdict:{said.verdict.value}", f"machineLabel:{_tag(result.label)}"]
    if result:
        tags += [f"topImages:{result.top1_images}", f"certainty:{result.certainty.value}"]
    tags.append(f"trackID:{_tag(run.tracking_id)}")
    if result and result.demo_model:
        tags.append("demoModel:true")
    return " | ".join(tags)


def event_comment(run: TrackingRun) -> str:
    """Return what a reader must know of the event's times, its pictures or its missing result."""
    notes = []
    if is_doubted(run):
        notes.append(
            f"The trap's clock is doubted ({', '.join(flag.value for flag in run.clock_flags)}): times are of receipt; "
            f"the trap said {run.started_at.isoformat()} to {run.ended_at.isoformat()}."
        )
    if run.pictures_gone is not None:
        notes.append(words(run))
    if run.result is None and run.status_reason:
        notes.append(f"Not classified: {run.status_reason}")
    return " ".join(notes)


def deployment_row(
    camera: Camera, place: Place, span: tuple[datetime, datetime], zone: tzinfo, *, doubted: bool
) -> DeploymentRow:
    """Return a camera as a deployment, from its first to its last run of this package."""
    coarse = f"Coordinates are rounded to a grid of {place.uncertainty_m} m." if place.uncertainty_m else ""
    return DeploymentRow(
        camera.camera_id,
        camera.camera_id,
        camera.place or camera.name,
        f"{place.latitude:.6f}",
        f"{place.longitude:.6f}",
        str(place.uncertainty_m) if place.uncertainty_m else "",
        stamp(span[0], zone),
        stamp(span[1], zone),
        camera.camera_id,
        "true" if doubted else "false",
        coarse,
    )


def media_span(run: TrackingRun) -> tuple[datetime, datetime]:
    """Return the first and last moment that a run's rows name: its deployment lasts so long at least."""
    start, end = interval(run)
    if not is_doubted(run):
        for image in run.images:
            if image.taken_at is not None:
                start, end = min(start, image.taken_at), max(end, image.taken_at)
    return start, end


def taxa(seen: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the taxonomic coverage: each name once, with its rank."""
    return [{"scientificName": name, "taxonRank": rank, "kingdom": "Animalia"} for name, rank in sorted(seen.items())]


def _count(seen: Observed) -> str:
    return "1" if seen.kind == "animal" else ""


def _tag(text: str) -> str:
    return text.replace("|", "/").strip()
