"""Camtrap DP's rows as they were first written: straight from the contracts, plain and slow.

The service writes the same from flat rows of the database (services/query/exports/camtrap_rows.py), which is several
times quicker and harder to read. These are here to compare with: both must give the same bytes.
"""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from proto.run import ImageReference, TrackingRun
from services.query.exports.camtrap_rows import MediaRow, ObservationRow, layouts
from services.query.exports.item import ExportContext, ExportItem, ImageVerdict, interval, is_doubted, stamp
from services.query.exports.observed import UNCLASSIFIED, UNSURE_BELOW, Observed, model_name, observed, observed_run
from services.query.gone import words


def tables(items: Sequence[ExportItem], context: ExportContext, *, public: bool = True) -> tuple[str, str]:
    """Return the tables of media and observations."""
    _, media, observations = layouts()
    media_text, observation_text = media.header(), observations.header()
    for item in items:
        zone = context.zone(item.run.camera_id)
        media_text += media.text(media_rows(item, context, zone, public="true" if public else "false"))
        observation_text += observations.text(observation_rows(item, zone))
    return media_text, observation_text


def media_rows(item: ExportItem, context: ExportContext, zone: tzinfo, *, public: str) -> Iterator[MediaRow]:
    """Yield a run's pictures. Their times are the trap's, or the event's where its clock is doubted."""
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
    """Yield the run's event-level observation, then one for each picture."""
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
    """Return what a reader must know of the event's times or of its missing result."""
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


def _count(seen: Observed) -> str:
    return "1" if seen.kind == "animal" else ""


def _tag(text: str) -> str:
    return text.replace("|", "/").strip()
