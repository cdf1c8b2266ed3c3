"""What `krabbel import` finds in folders, and what it says of the rest."""

from datetime import timedelta
from pathlib import Path

import pytest

from krabbel.importer.cameras import CameraChoice
from krabbel.importer.found import Candidate, Label, Skipped
from krabbel.importer.labels import certainty_of
from krabbel.importer.run_import import NothingFound, find
from krabbel.importer.taking import read_pictures
from proto.camera import Camera
from proto.errors import CameraNotFound
from services.ingest.settings import IngestSettings
from tests.support import insect_detect_folder
from tests.support.insect_detect_folder import LAYOUTS, write_session
from tests.support.predecessor_folder import COLUMNS, START, row_of, write_folder, write_pictures, write_table
from tests.support.stand_in_ingest import jpeg


def candidates(folder: Path) -> list[Candidate]:
    return [finding for finding in find(folder) if isinstance(finding, Candidate)]


def skipped(folder: Path) -> list[tuple[str, str]]:
    return [(finding.reason, finding.detail) for finding in find(folder) if isinstance(finding, Skipped)]


@pytest.mark.parametrize("below", [".", "data"])
def test_the_predecessors_runs_are_found_with_their_labels(tmp_path: Path, below: str) -> None:
    write_folder(tmp_path / below)
    first, *_ = found = candidates(tmp_path)
    assert len(found) == 3
    assert (first.tracking_id, first.label) == ("1", Label("ant", 0.91))
    assert (first.start, first.end) == ("2024-05-15 10:07:00.123456", "2024-05-15 10:07:02.123456")
    assert first.files[0].name == "2024-05-15_10-07-00-123456_ID1_crop.jpg"
    assert not skipped(tmp_path)


def test_oldest_tables_have_no_run_id_and_folders_named_after_the_receipt(tmp_path: Path) -> None:
    row = row_of(4, START, 3)
    folder = write_pictures(tmp_path, 4, START, 3)
    folder.rename(folder.with_name("ID4-10-00-31"))
    write_table(tmp_path, [row], tuple(name for name in COLUMNS if name != "tracking_run_ID"))
    (found,) = candidates(tmp_path)
    assert found.label == Label("bee_bombus", 0.91)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"track_ID": ""}, "malformed line"),
        ({"end_time": "yesterday"}, "malformed line"),
        ({"end_time": ""}, "malformed line"),
        ({"date": "2024-05-16"}, "pictures are missing"),
        ({"tracking_run_ID": "ID9-00-00-00"}, "pictures are missing"),
        ({"tracking_run_ID": "../../etc"}, "pictures are missing"),
        ({"date": ".."}, "pictures are missing"),
    ],
)
def test_lines_that_cannot_be_imported_are_told(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    write_table(tmp_path, [row_of(4, START, 3) | change])
    ((found, _),) = skipped(tmp_path)
    assert found == reason


@pytest.mark.parametrize("change", [{"top1": ""}, {"top1": "nan"}, {"top1_prob": "high"}, {"top1_prob": "1.7"}])
def test_a_line_without_a_usable_label_is_still_a_run(tmp_path: Path, change: dict[str, object]) -> None:
    write_pictures(tmp_path, 4, START, 3)
    write_table(tmp_path, [row_of(4, START, 3) | change])
    (found,) = candidates(tmp_path)
    assert found.label is None
    assert found.notes


def test_whole_numbers_and_times_of_day_are_read_as_pandas_and_people_write_them(tmp_path: Path) -> None:
    write_pictures(tmp_path, 4, START, 3)
    write_table(tmp_path, [row_of(4, START, 3) | {"track_ID": "4.0", "start_time": "10:00:00", "end_time": "10:00:02"}])
    (found,) = candidates(tmp_path)
    assert (found.tracking_id, found.start, found.end) == ("4", "2024-05-15 10:00:00", "2024-05-15 10:00:02")


def test_folders_that_no_line_names_are_runs_without_a_label(tmp_path: Path) -> None:
    write_folder(tmp_path, 1)
    write_pictures(tmp_path, 99, START + timedelta(hours=2), 2)
    (tmp_path / "2024-05-15" / "holiday").mkdir()
    *_, orphan = candidates(tmp_path)
    assert (orphan.tracking_id, orphan.label) == ("99", None)
    assert (orphan.start, orphan.end) == ("2024-05-15 12:00:00.123456", "2024-05-15 12:00:01.123456"), (
        "as its trap wrote"
    )
    assert [reason for reason, _ in skipped(tmp_path)] == ["no folder of a run"]


def test_two_lines_with_one_folder_do_not_import_it_twice(tmp_path: Path) -> None:
    write_pictures(tmp_path, 4, START, 3)
    write_table(tmp_path, [row_of(4, START, 3), row_of(4, START, 3, "ant")])
    assert len(candidates(tmp_path)) == 1
    assert [reason for reason, _ in skipped(tmp_path)] == ["pictures belong to another line"]


def test_what_a_power_cut_left_in_the_table_is_no_obstacle(tmp_path: Path) -> None:
    write_folder(tmp_path)
    table = tmp_path / "classification_data.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes() + b"2024-05-15,2024-\0\0\0\0")
    assert len(candidates(tmp_path)) == 3
    assert [reason for reason, _ in skipped(tmp_path)] == ["malformed line"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sessions_of_every_generation_are_found(tmp_path: Path, layout: str) -> None:
    session = write_session(tmp_path / "data", layout, {1: 3, 2: 2})
    found = {candidate.tracking_id: candidate for candidate in candidates(tmp_path)}
    assert {track: len(candidate.files) for track, candidate in found.items()} == {"1": 3, "2": 2}
    one = found["1"]
    assert one.trap is not None
    assert one.trap.session_id == "8"
    assert one.device == (None if layout == "2022" else "krabbelpi")
    assert one.said[0].bounding_box is not None
    assert one.said[0].bounding_box.x_max == 1.0, "1.0002 is on the edge"
    # And crops without a line, lines without a crop
    for path in one.files:
        path.unlink()
    insect_detect_folder.crop_path(session, layout, insect_detect_folder.START, 77).write_bytes(jpeg(1))
    assert sorted(candidate.tracking_id for candidate in candidates(tmp_path)) == ["2", "77"]
    assert [reason for reason, _ in skipped(tmp_path)] == ["pictures are missing"]


def test_cells_that_are_no_numbers_cost_no_insect(tmp_path: Path) -> None:
    session = write_session(tmp_path, "2025", {1: 1})
    table = next(session.glob("*.csv"))
    table.write_text(table.read_text().replace("121", "NA").replace("0.71", "").replace("1.0002", "inf"))
    (found,) = candidates(tmp_path)
    assert found.trap is not None
    assert (found.trap.lens_position, found.trap.iso_sensitivity) == (None, 400)
    assert (found.said[0].detection_confidence, found.said[0].bounding_box) == (None, None)


def test_a_folder_of_neither_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingFound, match="neither"):
        find(tmp_path)


def test_pictures_are_checked_as_uploads_are(tmp_path: Path) -> None:
    good, twin, cut, text, huge = (tmp_path / f"{name}.jpg" for name in ("good", "twin", "cut", "text", "huge"))
    good.write_bytes(jpeg(1))
    twin.write_bytes(jpeg(1))
    cut.write_bytes(jpeg(2)[:-200])
    text.write_text("no picture")
    huge.write_bytes(jpeg(3) + b"\0" * 5000)
    limits = IngestSettings(upload_max_file_bytes=4000)
    pictures = read_pictures([good, twin, cut, text, huge, tmp_path / "gone.jpg"], limits)
    assert [image.file_name for image in pictures.images] == ["good.jpg"]
    assert [text.partition(":")[0] for text in pictures.left_out] == ["cut.jpg", "text.jpg", "huge.jpg", "gone.jpg"]


def test_certainty_is_the_classifiers() -> None:
    from services.classifier import aggregate

    for probability in (0.0, 0.3, 0.49, 0.5, 0.79, 0.8, 0.97, 1.0):
        assert certainty_of(probability) == aggregate.certainty_of(probability, 1)


def camera(name: str) -> Camera:
    return Camera(camera_id=name, name=name, created_at="2024-01-01T00:00:00Z")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "named", "predecessor", "device", "expected"),
    [
        (["a", "krabbelpi"], "a", None, "krabbelpi", "a"),
        (["a", "krabbelpi"], None, "a", "krabbelpi", "krabbelpi"),
        (["a", "b"], None, "B", "unknown", "b"),
        (["a"], None, None, None, "a"),
        (["a", "b"], None, None, None, None),
        ([], None, None, None, None),
    ],
)
def test_the_camera_is_chosen_or_asked_for(
    there: list[str], named: str | None, predecessor: str | None, device: str | None, expected: str | None
) -> None:
    choice = CameraChoice([camera(name) for name in there], named, predecessor)
    candidate = Candidate("x", "1", "", "", (), device=device)
    if expected is None:
        with pytest.raises(CameraNotFound, match="--camera"):
            choice.of(candidate)
    else:
        assert choice.of(candidate).camera_id == expected


def test_a_named_camera_must_exist() -> None:
    with pytest.raises(CameraNotFound, match=r"krabbel camera add"):
        CameraChoice([], "nowhere", None)
