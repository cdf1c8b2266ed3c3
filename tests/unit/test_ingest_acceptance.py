"""From forms and images to a tracking run."""

import json
from datetime import UTC, datetime

import pytest

from proto.errors import InvalidUpload
from proto.run import RunSource, RunStatus, TrapMetadata, run_id_of
from services.ingest.acceptance import accept, api_upload, display_name, legacy_upload, parse_run_form
from services.ingest.clock import zone_of
from services.ingest.entry_file import IncomingImage
from services.ingest.images import ImageFacts

BERLIN = zone_of("Europe/Berlin")
RECEIVED = datetime(2024, 5, 15, 8, 0, 10, tzinfo=UTC)
FORM = {"start_date": "2024-05-15 10:00:00.123456", "end_date": "2024-05-15 10:00:09.654321", "duration_s": "9"}


def crop(number: int, name: str | None = None) -> IncomingImage:
    facts = ImageFacts("image/jpeg", 100, 100)
    return IncomingImage(name or f"2024-05-15_10-00-0{number}-500000_ID17_crop.jpg", f"{number:064x}", 8, 1000, facts)


def test_run_of_a_deployed_trap() -> None:
    run = accept(legacy_upload("garden", "17", FORM), [crop(1), crop(2)], BERLIN, RECEIVED)

    assert run.run_id == run_id_of("garden", "17", FORM["start_date"], FORM["end_date"], [f"{2:064x}", f"{1:064x}"])
    assert run.status is RunStatus.RECEIVED
    assert run.source is RunSource.LEGACY
    assert run.started_at == datetime(2024, 5, 15, 8, 0, 0, 123456, tzinfo=UTC)
    assert (run.duration_s, run.local_hour) == (9.0, 10)
    assert run.images[0].object_key == f"runs/{run.run_id}/{1:064x}.jpg"
    assert run.images[0].taken_at == datetime(2024, 5, 15, 8, 0, 1, 500000, tzinfo=UTC), "read from the crop's name"


def test_form_without_any_time_is_accepted_and_flagged() -> None:
    run = accept(legacy_upload("garden", "17", {}), [crop(1)], BERLIN, RECEIVED)

    assert run.clock_flags
    assert run.sort_at == RECEIVED


def test_run_without_images_is_refused() -> None:
    with pytest.raises(InvalidUpload, match="no image"):
        accept(legacy_upload("garden", "17", FORM), [], BERLIN, RECEIVED)


@pytest.mark.parametrize("tracking_id", ["", "x" * 121])
def test_track_ids_have_a_length(tracking_id: str) -> None:
    with pytest.raises(InvalidUpload, match="track id"):
        legacy_upload("garden", tracking_id, FORM)


NEW_SPELLING = {
    "device_id": "trap-7", "session_id": "s1", "track_id": 17, "track_status": "TRACKED",
    "lens_position": 120, "iso_sensitivity": 200, "exposure_time": 8000,
}  # fmt: skip
OLD_SPELLING = {
    "cam_ID": "trap-7", "rec_ID": "s1", "track_ID": "17", "track_status": "TRACKED",
    "lens_pos": "120", "iso_sens": "200.0", "exp_time": 8000.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "metadata",
    [NEW_SPELLING, OLD_SPELLING, {"track_id": "17", "trap": NEW_SPELLING}, {"track_ID": 17, "trap": OLD_SPELLING}],
)
def test_both_spellings_of_the_traps_metadata_are_read(metadata: dict[str, object]) -> None:
    form = parse_run_form(json.dumps({**FORM, **metadata}).encode())

    upload = api_upload("garden", form)

    assert upload.tracking_id == "17"
    assert upload.trap == TrapMetadata(
        device_id="trap-7", session_id="s1", track_status="TRACKED", lens_position=120, iso_sensitivity=200,
        exposure_time=8000,
    )  # fmt: skip


def test_what_is_told_of_single_images_finds_them_by_name() -> None:
    images = [
        {"file_name": "a.jpg", "taken_at": "2024-05-15 10:00:03", "confidence": 0.8, "bbox": [0.1, 0.2, 0.3, 0.4]},
        {"filename": "C:\\sd\\b.jpg", "timestamp": "2024-05-15T08:00:04Z"},
    ]
    form = parse_run_form(json.dumps({**FORM, "track_id": 1, "images": images}).encode())

    run = accept(api_upload("garden", form), [crop(1, "a.jpg"), crop(2, "b.jpg"), crop(3, "c.jpg")], BERLIN, RECEIVED)

    first, second, third = run.images
    assert (first.detection_confidence, first.taken_at) == (0.8, datetime(2024, 5, 15, 8, 0, 3, tzinfo=UTC))
    assert first.bounding_box is not None
    assert first.bounding_box.x_max == 0.3
    assert second.taken_at == datetime(2024, 5, 15, 8, 0, 4, tzinfo=UTC)
    assert third.taken_at is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "JSON"),
        ("[]", "JSON"),
        ("{}", "tracking_id"),
        ('{"track_id": 1, "start_date": "x", "end_date": 5}', "end_date"),
        ('{"track_id": 1, "start_date": "x", "end_date": "y", "camera_id": "../x"}', "camera_id"),
        (
            '{"track_id": 1, "start_date": "x", "end_date": "y", "images": [{"file_name": "a", "confidence": 7}]}',
            "images.0",
        ),
    ],
)
def test_refusal_of_a_form_names_the_field(text: str, place: str) -> None:
    with pytest.raises(InvalidUpload) as refusal:
        parse_run_form(text.encode())

    assert place in refusal.value.detail or place == "JSON"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("crop.jpg", "crop.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\crop.jpg", "crop.jpg"),
        ("a\x00b\r\n.jpg", "ab.jpg"),
        ("käfer 🐞.jpg", "käfer 🐞.jpg"),
        ("\ud800.jpg", ".jpg"),
        ("..", ".."),
        ("/", "unnamed"),
        ("", "unnamed"),
        ("x" * 400, "x" * 255),
    ],
)
def test_names_are_kept_for_display_only(name: str, shown: str) -> None:
    assert display_name(name) == shown
