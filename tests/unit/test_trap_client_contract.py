"""The trap client, ingest and `krabbel import` mean the same run by the same content."""

import json
from pathlib import Path

import pytest
from krabbel_trap.insect_detect import read_session, run_of
from krabbel_trap.run import run_id_of
from krabbel_trap.spool import Spool

import proto.run
from krabbel.importer.found import Candidate
from krabbel.importer.run_import import find
from krabbel.importer.taking import read_pictures
from services.ingest.acceptance import parse_run_form
from services.ingest.settings import IngestSettings
from tests.support.insect_detect_folder import LAYOUTS, write_session


def test_run_ids_are_computed_as_the_server_does() -> None:
    content = ("garden", "17", "2024-05-15T10:00:00", "2024-05-15T10:00:09", ["b" * 64, "a" * 64, "b" * 64])
    assert run_id_of(*content) == proto.run.run_id_of(*content)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_session_makes_the_same_runs_uploaded_or_imported(tmp_path: Path, layout: str) -> None:
    session = write_session(tmp_path / "data", layout, {1: 3, 2: 2, 30: 1})
    spool = Spool(tmp_path / "spool", min_free_bytes=0)
    uploaded = {spool.put(run_of(track, crops)).run_id("garden") for track, crops in read_session(session).items()}
    imported = set()
    for candidate in find(tmp_path / "data"):
        assert isinstance(candidate, Candidate)
        hashes = [image.sha256 for image in read_pictures(candidate.files, IngestSettings()).images]
        for start, end in [(candidate.start, candidate.end)]:
            imported.add(proto.run.run_id_of("garden", candidate.tracking_id, start, end, hashes))
    assert len(uploaded) == 3
    assert uploaded == imported


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ingest_understands_all_that_the_client_says(tmp_path: Path, layout: str) -> None:
    session = write_session(tmp_path / "data", layout, {1: 2})
    spool = Spool(tmp_path / "spool", min_free_bytes=0)
    entry = spool.put(run_of("1", read_session(session)["1"]))
    form = parse_run_form(json.dumps(entry.form("garden")).encode())
    assert (form.tracking_id, form.camera_id, form.duration_s) == ("1", "garden", 1.125)
    assert form.trap is not None
    assert form.trap.session_id == "8"
    assert [image.detection_confidence for image in form.images] == [0.71, 0.71]
    assert all(image.bounding_box is not None and image.taken_at for image in form.images)
