"""Runs whose pictures retention removed, in every export: no address of what is not there, and words instead."""

import csv
import io
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
from dwca.read import DwCAReader

from proto.retention import PicturesGone, RetentionRule
from services.query import legacy
from services.query.exports.item import ExportItem
from services.query.exports.tables import predecessor_view, zones_of
from services.query.gone import words
from tests.support.camtrap_package import faults, validate
from tests.support.export_items import NOW, a_camera, a_context, an_item, exported, unpacked

WHY = "pictures of false sightings are kept for 90 days"
SENTENCE = f"All pictures of this run were removed on 2026-07-02: {WHY}."


def gone(item: ExportItem, kept: tuple[str, ...] = ()) -> ExportItem:
    count = len(item.run.images) - len(kept)
    mark = PicturesGone(
        at=NOW, rule=RetentionRule.FALSE_SIGHTINGS, why=WHY, pictures=count, byte_size=100 * count, kept=kept
    )
    return item._replace(run=item.run.model_copy(update={"pictures_gone": mark}))


def items() -> list[ExportItem]:
    """One with all its pictures, one with none, one with its second of three."""
    third = an_item(3, images=3)
    return [an_item(1, images=3), gone(an_item(2, images=3)), gone(third, (third.run.images[1].sha256,))]


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text())))


def test_camtrap_package_stays_valid_and_keeps_the_observation(tmp_path: Path):
    folder = unpacked(exported("camtrap-dp", items(), a_context(a_camera())), tmp_path)
    problems, _ = validate(folder)
    assert problems == []
    assert list(faults(folder)) == []
    _, bare, reduced = items()
    media = [row["mediaID"] for row in rows_of(folder, "media.csv")]
    assert len(media) == 4
    assert f"{reduced.run.run_id}-1" in media
    observations = rows_of(folder, "observations.csv")
    assert [row["observationLevel"] for row in observations if row["eventID"] == bare.run.run_id] == ["event"]
    assert {row["mediaID"] for row in observations if row["observationLevel"] == "media"} == set(media)
    said = [row["observationComments"] for row in observations if row["observationLevel"] == "event"]
    assert said == ["", SENTENCE, f"2 pictures of this run were removed on 2026-07-02: {WHY}."]


def test_all_pictures_gone_is_a_valid_package_without_media(tmp_path: Path):
    folder = unpacked(exported("camtrap-dp", [gone(an_item(2))], a_context(a_camera())), tmp_path)
    assert validate(folder)[0] == []
    assert rows_of(folder, "media.csv") == []


def test_other_exports_name_no_address_of_what_is_not_there(tmp_path: Path):
    (tmp_path / "a.zip").write_bytes(exported("dwca", items(), a_context(a_camera())))
    with DwCAReader(str(tmp_path / "a.zip")) as found:
        rows = list(found)
        assert [len(row.extensions) for row in rows] == [3, 0, 1]
        assert [row.data["http://rs.tdwg.org/dwc/terms/occurrenceRemarks"] for row in rows][1] == SENTENCE
    table = pq.read_table(io.BytesIO(exported("parquet", items()))).to_pylist()
    assert [len(row["image_urls"]) for row in table] == [3, 0, 1]
    assert [row["images"] for row in table] == [3, 3, 3]
    assert [row["pictures_gone_at"] for row in table] == [None, NOW, NOW]
    with zipfile.ZipFile(io.BytesIO(exported("zip", items()))) as archive:
        assert len([name for name in archive.namelist() if name.startswith("images/")]) == 4
        assert SENTENCE in archive.read("missing-images.txt").decode()


def test_the_predecessors_archive_leaves_them_out_and_keeps_its_names():
    whole, bare, reduced = (item.run for item in items())
    zones = zones_of(a_context())
    names = [legacy.file_names(predecessor_view(run), zones) for run in (whole, bare, reduced)]
    assert [len(found) for found in names] == [3, 0, 1]
    assert legacy.row_of(predecessor_view(bare), zones)["track_ID_imgs"] == 3
    assert words(whole) == ""
