"""Runs and verdicts for tests, made directly, without a trap and a network."""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from PIL import Image

from proto.classification import Certainty, Classification, ClassScore, ImageClassification, RunResult
from proto.run import ClockFlag, ImageReference, RunSource, TrackingRun, object_key_of, run_id_of
from proto.taxonomy import entry

START = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def jpeg(seed: int, *, exif: bool = False) -> bytes:
    """Return a small JPEG, each seed another one."""
    image = Image.new("RGB", (24, 24), (seed % 256, (seed * 7) % 256, (seed * 13) % 256))
    image.putpixel((seed % 24, seed // 24 % 24), (255, 255, 255))
    buffer = io.BytesIO()
    tags = Image.Exif()
    tags[0x010F] = "SECRET MAKER"
    image.save(buffer, "JPEG", quality=90, **({"exif": tags} if exif else {}))
    return buffer.getvalue()


def a_run(
    number: int,
    *,
    camera: str = "garden-1",
    at: datetime | None = None,
    duration_s: float = 5.0,
    images: int = 1,
    zone: str = "Europe/Berlin",
    data: bytes | None = None,
    clock_flags: tuple[ClockFlag, ...] = (),
) -> TrackingRun:
    """Return a received run, ``number`` seconds after START unless ``at`` says when."""
    moment = at or START + timedelta(seconds=number)
    hashes = [
        hashlib.sha256(data if data is not None and index == 0 else f"{camera}/{number}/{index}".encode()).hexdigest()
        for index in range(images)
    ]
    run_id = run_id_of(camera, str(number), "start", moment.isoformat(), hashes)
    local = moment.astimezone(ZoneInfo(zone))
    return TrackingRun(
        run_id=run_id,
        camera_id=camera,
        tracking_id=str(number),
        source=RunSource.LEGACY,
        started_at=moment - timedelta(seconds=max(0.0, duration_s)),
        ended_at=moment,
        duration_s=duration_s,
        received_at=moment,
        sort_at=moment,
        local_date=local.date(),
        local_hour=local.hour,
        clock_flags=clock_flags,
        images=tuple(
            ImageReference(
                sha256=sha256,
                object_key=object_key_of(run_id, sha256, "image/jpeg"),
                file_name=f"2026-07-01_10-00-{index:02d}-000000_ID{number}_crop.jpg",
                content_type="image/jpeg",
                byte_size=100,
                width=24,
                height=24,
                taken_at=moment,
            )
            for index, sha256 in enumerate(hashes)
        ),
    )


def a_verdict(
    run: TrackingRun,
    label: str = "bee",
    *,
    model: str = "demo@1",
    certainty: Certainty = Certainty.SURE,
    at: datetime = START,
    probability: float = 0.9,
) -> Classification:
    """Return what a model says of a run: all images are ``label``."""
    count = len(run.images)
    return Classification(
        run_id=run.run_id,
        model_id=model,
        result=RunResult(
            model_id=model,
            label=label,
            is_insect=entry(label).is_insect,
            certainty=certainty,
            top1_images=count,
            images=count,
            probability_mean=probability,
            probability_weighted=probability,
            best_image=run.images[0].sha256,
            classified_at=at,
        ),
        images=tuple(
            ImageClassification(sha256=image.sha256, top=(ClassScore(label=label, probability=probability),))
            for image in run.images
        ),
    )
