"""Darwin Core: what a run is as an occurrence, and its pictures in the multimedia extension. Plain code.

Only animals are occurrences: blank, unsure and unclassified runs are not. Terms: https://dwc.tdwg.org/terms/ and
https://rs.gbif.org/extension/gbif/1.0/multimedia.xml; a trap's picture is a MachineObservation, as GBIF's guide to
camera trap data says (https://docs.gbif.org/camera-trap-guide/).
"""

from collections.abc import Iterator
from datetime import UTC
from typing import NamedTuple

from proto.camera import Camera
from proto.classification import RunResult
from proto.run import ImageReference, TrackingRun
from proto.verification import Verification
from services.query.exports.item import ExportContext, interval, is_doubted, stamp
from services.query.exports.licences import licence
from services.query.exports.observed import KINGDOM, model_name, observed_run
from services.query.exports.place import country_of, place_of
from services.query.gone import words

MOST_PICTURES = 10
"""Pictures of one occurrence: the best one, and the first others. All are in the Camtrap DP package."""
DWC = "http://rs.tdwg.org/dwc/terms/"
DCTERMS = "http://purl.org/dc/terms/"


class Occurrence(NamedTuple):
    """A row of ``occurrence.txt``; all fields are terms of Darwin Core, but ``license`` is one of Dublin Core."""

    occurrenceID: str
    basisOfRecord: str
    scientificName: str
    taxonRank: str
    kingdom: str
    eventDate: str
    eventID: str
    parentEventID: str
    decimalLatitude: str
    decimalLongitude: str
    geodeticDatum: str
    coordinateUncertaintyInMeters: str
    dataGeneralizations: str
    countryCode: str
    locality: str
    individualCount: str
    occurrenceStatus: str
    samplingProtocol: str
    identificationRemarks: str
    identificationVerificationStatus: str
    identifiedBy: str
    dateIdentified: str
    verbatimIdentification: str
    occurrenceRemarks: str
    datasetName: str
    license: str


class Multimedia(NamedTuple):
    """A row of ``multimedia.txt``. ``coreid`` is the occurrence; all others are terms of Dublin Core."""

    coreid: str
    type: str
    format: str
    identifier: str
    created: str
    creator: str
    license: str
    rightsHolder: str


def occurrence_id(run_id: str) -> str:
    """Return the occurrence's lasting id. The run's id is a hash of what was uploaded, the same for ever."""
    return f"krabbel:run:{run_id}"


def occurrence(run: TrackingRun, context: ExportContext) -> Occurrence | None:
    """Return the run as an occurrence, or None where no animal was seen surely enough."""
    seen, result = observed_run(run), run.result
    if seen.kind != "animal" or result is None:
        return None
    said, camera = run.verification, context.cameras.get(run.camera_id)
    zone, place = context.zone(run.camera_id), place_of(camera)
    start, end = (stamp(moment, zone) for moment in interval(run))
    coarse = f"Coordinates rounded to a grid of {place.uncertainty_m} m" if place and place.uncertainty_m else ""
    return Occurrence(
        occurrence_id(run.run_id),
        "MachineObservation",
        seen.name,
        seen.rank,
        KINGDOM,
        start if start == end else f"{start}/{end}",
        run.run_id,
        run.camera_id,
        f"{place.latitude:.6f}" if place else "",
        f"{place.longitude:.6f}" if place else "",
        "EPSG:4326" if place else "",
        str(place.uncertainty_m) if place and place.uncertainty_m else "",
        coarse,
        context.dataset.country_code or (country_of(camera.timezone) if camera else ""),
        (camera.place or camera.name) if camera else "",
        "1",
        "present",
        "camera trap",
        remarks(result, said),
        "verified by human" if said else "unverified",
        said.verified_by if said else model_name(result.model_id),
        stamp(said.verified_at if said else result.classified_at, UTC),
        run.label or "",
        occurrence_remarks(run),
        context.dataset.title,
        licence(context.dataset.licence).url or context.dataset.licence,
    )


def occurrence_remarks(run: TrackingRun) -> str:
    """Return what a reader must know of the occurrence's times and pictures."""
    doubted = "The trap's clock is doubted: time of receipt" if is_doubted(run) else ""
    return "; ".join(filter(None, (doubted, words(run))))


def remarks(result: RunResult, said: Verification | None) -> str:
    """Return how the identification came about."""
    word = f"{said.verdict.value} by a person as {said.label}" if said else "not verified by a person"
    demo = "DEMO MODEL, no identification; " if result.demo_model else ""
    return (
        f"{demo}machine classification, label {result.label}, weighted probability {result.probability_weighted:.3f} "
        f"({result.top1_images} of {result.images} images, mean probability {result.probability_mean:.3f}), "
        f"certainty {result.certainty.value}; {word}"
    )


def pictures(run: TrackingRun) -> list[ImageReference]:
    """Return the pictures to show of a run, of those that are kept, the best one first, each once."""
    distinct = list({image.sha256: image for image in run.stored_images}.values())
    best = run.result.best_image if run.result else None
    return sorted(distinct, key=lambda image: image.sha256 != best)[:MOST_PICTURES]


def multimedia(run: TrackingRun, context: ExportContext) -> Iterator[Multimedia]:
    """Yield the pictures of an occurrence."""
    camera: Camera | None = context.cameras.get(run.camera_id)
    zone = context.zone(run.camera_id)
    credit = camera.credit if camera else ""
    terms = licence(camera.licence) if camera else licence(context.dataset.licence)
    start, _ = interval(run)
    for image in pictures(run):
        taken = start if is_doubted(run) or image.taken_at is None else image.taken_at
        yield Multimedia(
            occurrence_id(run.run_id),
            "StillImage",
            image.content_type,
            context.image_url(image.object_key),
            stamp(taken, zone),
            credit,
            terms.url or terms.name,
            credit,
        )
