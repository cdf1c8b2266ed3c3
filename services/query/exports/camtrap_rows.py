"""Camtrap DP 1.0.2: what a run is in its tables. Plain code.

A run is one event-level observation; its images are media, each with a media-level observation of the same ``eventID``.
A media is a crop, never the full frame, so there are no bounding boxes: those are relative to the media. A track's
number starts anew with every recording, so it is a tag and no ``individualID``.
Terms: https://camtrap-dp.tdwg.org/data/ (1.0.2).
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from proto.camera import Camera
from services.query.exports.event import Event, is_doubted, kept_numbers, moment_of
from services.query.exports.layout import Layout
from services.query.exports.local_clock import LocalClock
from services.query.exports.observed import UNSURE_BELOW, model_name, observed
from services.query.exports.place import Place
from services.query.gone import sentence

_UNCLASSIFIED = ("unclassified", "", "")
_NOBODY = ("", "", "", "", "")


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


def media_cells(event: Event, clock: LocalClock, start: str, addresses: str, public: str) -> list[str]:
    """Return the rows of a run's pictures that are kept, one row's cells (:class:`MediaRow`) after the other's.

    Their times are the trap's, or the event's where its clock is doubted. ``start``: when the event began.
    ``addresses``: what stands before each picture's own address.
    """
    run_id, camera_id, best = event.run_id, event.camera_id, event.best_image
    doubted, keys, types, times = is_doubted(event), event.object_keys, event.content_types, event.taken_ms
    cells: list[str] = []
    sha256s, names = event.sha256s, event.file_names
    for number in kept_numbers(event):
        taken = times[number]
        cells += (
            f"{run_id}-{number}",
            camera_id,
            "activityDetection",
            start if doubted or taken is None else clock.stamp(taken),
            addresses + keys[number].removeprefix("runs/"),
            public,
            names[number],
            types[number],
            "true" if sha256s[number] == best else "false",
            "crop of the detected animal; not the full frame",
        )
    return cells


def observation_cells(event: Event, clock: LocalClock, start: str, end: str) -> list[str]:
    """Return the rows of the run's event-level observation, then of one for each picture that is kept (each needs its
    media's row), one row's cells (:class:`ObservationRow`) after the other's."""
    run_id, camera_id, label, said = event.run_id, event.camera_id, event.label, event.said
    kind, name, count = seen(label, is_unsure(event)) if label is not None else _UNCLASSIFIED
    method, by, when, probability = identification(event, clock)
    cells: list[str] = [
        *(run_id, camera_id, "", run_id, start, end, "event", kind, name, count),
        *(method, by, when, probability, event_tags(event), event_comment(event)),
    ]
    pictures = kept_numbers(event)
    if said is None:
        for number in pictures:
            identity = f"{run_id}-{number}"
            cells += (identity, camera_id, identity, run_id, start, end, "media", *_UNCLASSIFIED, *_NOBODY, "")
        return cells
    labels, probabilities = said.labels, said.probabilities
    by = model_name(said.model_id)
    # The machine's own moment; where a person spoke, `when` is theirs.
    when = clock.stamp(event.classified_ms) if event.classified_ms is not None else ""
    for number in pictures:
        identity, label = f"{run_id}-{number}", labels[number]
        if not label:
            cells += (identity, camera_id, identity, run_id, start, end, "media", *_UNCLASSIFIED, *_NOBODY)
            cells.append(said.errors[number])
            continue
        chance = probabilities[number] or 0.0
        cells += (
            *(identity, camera_id, identity, run_id, start, end, "media", *seen(label, chance < UNSURE_BELOW)),
            *("machine", by, when, f"{chance:.6f}", f"label:{label}", ""),
        )
    return cells


@cache
def seen(label: str, unsure: bool) -> tuple[str, str, str]:
    """Return kind, name and number of what a class stands for."""
    found = observed(label, unsure=unsure)
    return found.kind, found.name, "1" if found.kind == "animal" else ""


def identification(event: Event, clock: LocalClock) -> tuple[str, str, str, str]:
    """Return who said what the event is: method, by whom, when, and the probability, which is omitted for people."""
    if event.person is not None and event.person_ms is not None:
        return "human", event.person, clock.stamp(event.person_ms), ""
    if event.model_id is None or event.classified_ms is None:
        return "", "", "", ""
    return "machine", model_name(event.model_id), clock.stamp(event.classified_ms), f"{event.weighted:.6f}"


def is_unsure(event: Event) -> bool:
    """Say whether only the machine has spoken, and not surely."""
    return event.person is None and event.certainty == "unclear"


def event_tags(event: Event) -> str:
    """Return the event's tags: the label, and on how many pictures it rests; where a person spoke, also the model's."""
    label, track = event.label, f"trackID:{_tag(event.tracking_id)}"
    pictures = f"trackImages:{len(event.sha256s)}"
    if label:
        pictures = f"label:{_tag(label)} | {pictures}"
    if event.model_id is None:
        return f"{pictures} | {track}"
    if event.person is not None:
        pictures = f"{pictures} | verdict:{event.person_verdict} | machineLabel:{_tag(event.model_label or '')}"
    demo = " | demoModel:true" if event.demo_model else ""
    return f"{pictures} | topImages:{event.top1_images} | certainty:{event.certainty} | {track}{demo}"


def event_comment(event: Event) -> str:
    """Return what a reader must know of the event's times, its pictures or its missing result."""
    if not event.clock_flags and event.model_id is not None and event.gone is None:
        return ""
    notes = []
    if is_doubted(event):
        started, ended = moment_of(event.started_ms), moment_of(event.ended_ms)
        notes.append(
            f"The trap's clock is doubted ({', '.join(event.clock_flags)}): times are of receipt; "
            f"the trap said {started.isoformat()} to {ended.isoformat()}."
        )
    if event.gone is not None:
        gone = event.gone
        notes.append(sentence(gone["at"], gone["why"], gone["pictures"], some_kept=bool(gone["kept"])))
    if event.model_id is None and event.status_reason:
        notes.append(f"Not classified: {event.status_reason}")
    return " ".join(notes)


def deployment_row(
    camera: Camera, place: Place, span: tuple[int, int], clock: LocalClock, *, doubted: bool
) -> DeploymentRow:
    """Return a camera as a deployment, from its first to its last run of this package (milliseconds since 1970)."""
    coarse = f"Coordinates are rounded to a grid of {place.uncertainty_m} m." if place.uncertainty_m else ""
    return DeploymentRow(
        camera.camera_id,
        camera.camera_id,
        camera.place or camera.name,
        f"{place.latitude:.6f}",
        f"{place.longitude:.6f}",
        str(place.uncertainty_m) if place.uncertainty_m else "",
        clock.stamp(span[0]),
        clock.stamp(span[1]),
        camera.camera_id,
        "true" if doubted else "false",
        coarse,
    )


def taxa(seen: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the taxonomic coverage: each name once, with its rank."""
    return [{"scientificName": name, "taxonRank": rank, "kingdom": "Animalia"} for name, rank in sorted(seen.items())]


def _tag(text: str) -> str:
    return text.replace("|", "/").strip()
