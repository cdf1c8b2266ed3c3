"""Flat tables, Parquet and the archive of pictures: columns and values that other programs rely on."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime

import pyarrow.parquet as pq
import pytest

from proto.classification import Classification, ClassScore, ImageClassification
from proto.errors import ImageNotFound
from proto.run import BoundingBox, ClockFlag, TrackingRun, TrapMetadata
from services.query.exports.insect_detect import recording, shares
from services.query.exports.item import ExportItem, Verdict, interval
from services.query.exports.registry import EXPORTS
from tests.support.export_items import NOW, a_camera, a_context, an_item, exported
from tests.support.seeds import START, a_run


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def mixed() -> ExportItem:
    """Three pictures: two bees at 0.6 and 0.7, one fly at 0.99; boxes 0.2 x 0.1, 0.1 x 0.4 and none."""
    item = an_item(7, images=3, duration_s=4.5)
    boxes = (
        BoundingBox(x_min=0.1, y_min=0.1, x_max=0.3, y_max=0.2),
        BoundingBox(x_min=0.0, y_min=0.2, x_max=0.1, y_max=0.6),
        None,
    )
    images = tuple(
        image.model_copy(update={"bounding_box": box, "detection_confidence": confidence})
        for image, box, confidence in zip(item.run.images, boxes, (0.5, 0.7, None), strict=True)
    )
    assert item.run.result is not None
    result = item.run.result.model_copy(
        update={"top1_images": 2, "images": 3, "probability_mean": 0.65, "probability_weighted": 0.65 * 2 / 3}
    )
    told = (("bee", 0.6), ("bee", 0.7), ("fly", 0.99))
    verdict = Classification(
        run_id=item.run.run_id,
        model_id="flower@2.0",
        result=result,
        images=tuple(
            ImageClassification(sha256=image.sha256, top=(ClassScore(label=label, probability=probability),))
            for image, (label, probability) in zip(images, told, strict=True)
        ),
    )
    trap = TrapMetadata(session_id="2026-07-01_08-00-00")
    return ExportItem(
        item.run.model_copy(update={"images": images, "result": result, "trap": trap}), Verdict.of(verdict)
    )


def test_predecessors_table_has_its_columns_and_local_times():
    rows = rows_of(exported("csv", [mixed(), ExportItem(a_run(8))]))
    assert rows == [
        {
            "date": "2026-07-01",
            "start_time": "10:00:02",
            "end_time": "10:00:07",
            "duration_s": "4",
            "track_ID": "7",
            "track_ID_imgs": "3",
            "tracking_run_ID": "ID7-10-00-07",
            "top1": "bee",
            "top1_prob": "0.65",
        }
    ]


def test_final_table_of_insect_detect():
    (row,) = rows_of(exported("top1-final", [mixed(), ExportItem(a_run(8))]))
    assert list(row.items()) == [
        ("cam_ID", "garden-1"),
        ("rec_ID", "2026-07-01_08-00-00"),
        ("date", "2026-07-01"),
        ("track_ID", "7"),
        ("start_time", "2026-07-01 10:00:02.500000"),
        ("end_time", "2026-07-01 10:00:07"),
        ("duration_s", "4.5"),
        ("det_conf_mean", "0.6"),
        ("track_ID_imgs", "3"),
        ("top1_imgs", "2"),
        ("top1", "bee"),
        ("top1_prob_mean", "0.65"),
        ("top1_prob_weighted", "0.43"),
        ("bbox_length_mean", "0.3"),
        ("bbox_width_mean", "0.1"),
    ]


def test_table_of_all_classes_of_insect_detect():
    bee, fly = rows_of(exported("top1-all", [mixed()]))
    assert list(bee) == list(fly)
    assert list(bee.values()) == ["garden-1", "2026-07-01_08-00-00", "7", "3", "2", "bee", "0.65", "0.43", "0.3", "0.1"]
    assert list(fly.values()) == ["garden-1", "2026-07-01_08-00-00", "7", "3", "1", "fly", "0.99", "0.33", "", ""]


def test_shares_are_weighted_before_they_are_rounded():
    bee, fly = shares(mixed())
    assert (bee.label, fly.label) == ("bee", "fly")
    assert bee.weighted == pytest.approx(0.65 * 2 / 3, abs=1e-12)


def test_trap_without_sessions_gets_a_recording_for_each_run():
    first, second = (recording(a_run(number), a_context()) for number in (1, 200))
    assert (first, second) == ("2026-07-01_09-59-56", "2026-07-01_10-03-15")


def test_spreadsheets_do_not_run_what_a_trap_wrote():
    evil = a_run(1).model_copy(update={"tracking_id": "=cmd()"})
    for name in ("csv", "top1-final", "top1-all"):
        (row,) = rows_of(exported(name, [an_item(run=evil)]))
        assert row["track_ID"] == "'=cmd()"


def test_ndjson_lines_are_runs():
    items = [mixed(), ExportItem(a_run(8))]
    lines = exported("ndjson", items).splitlines()
    assert [TrackingRun.model_validate_json(line) for line in lines] == [item.run for item in items]


def test_parquet_is_typed_and_comes_in_row_groups(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.query.exports.parquet.ROW_GROUP", 4)
    items = [*(an_item(number) for number in range(9)), ExportItem(a_run(10))]
    camera = a_camera(coordinate_uncertainty_m=5000.0)
    file = pq.ParquetFile(io.BytesIO(exported("parquet", items, a_context(camera))))
    assert [file.metadata.row_group(number).num_rows for number in range(3)] == [4, 4, 2]
    rows = file.read().to_pylist()
    assert rows[0]["ended_at"] == START
    assert rows[0]["local_date"] == date(2026, 7, 1)
    assert (rows[0]["label"], rows[0]["scientific_name"]) == ("bee", "Hymenoptera")
    assert rows[0]["latitude"] != camera.latitude
    assert rows[0]["image_urls"][0].startswith("https://insekten.example.org/api/v1/images/")
    assert (rows[-1]["label"], rows[-1]["observation_type"]) == (None, "unclassified")


def test_archive_of_pictures_holds_pictures_and_tables():
    # Two runs of one camera with the same track in the same second must not overwrite each other.
    twins = [an_item(run=a_run(5, data=data, at=START)) for data in (b"one", b"two")]
    with zipfile.ZipFile(io.BytesIO(exported("zip", twins))) as archive:
        assert archive.testzip() is None
        pictures = [name for name in archive.namelist() if name.endswith(".jpg")]
        assert len(set(pictures)) == 2
        assert all(name.startswith("images/garden-1/2026-07-01/ID5-10-00-00_") for name in pictures)
        image = twins[0].run.images[0]
        assert archive.read(pictures[0]) == f"{twins[0].run.run_id}/{image.sha256}.jpg".encode()
        assert set(archive.namelist()) - set(pictures) == {"runs.csv", "top1_final.csv", "top1_all.csv"}
        assert len(rows_of(archive.read("top1_final.csv"))) == 2


def test_picture_that_is_gone_is_named():
    async def gone(_run: str, _sha256: str, _ending: str) -> bytes:
        raise ImageNotFound("gone")

    context = a_context()
    object.__setattr__(context, "picture", gone)
    with zipfile.ZipFile(io.BytesIO(exported("zip", [an_item(images=2)], context))) as archive:
        assert len(archive.read("missing-images.txt").splitlines()) == 2


@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_takes_nothing_and_everything(name: str):
    assert isinstance(exported(name, []), bytes)
    assert exported(name, [mixed(), ExportItem(a_run(8))])
    assert "2026-07-02" in EXPORTS[name].file_name_at(NOW)


@pytest.mark.parametrize(
    ("update", "start", "end"),
    [
        ({}, "07:59:55", "08:00:00"),
        ({"clock_flags": (ClockFlag.AMBIGUOUS,)}, "07:59:55", "08:00:00"),
        ({"clock_flags": (ClockFlag.PAST,), "duration_s": 60.0}, "08:59:00", "09:00:00"),
        ({"clock_flags": (ClockFlag.ABSURD_DURATION,), "duration_s": 1e9}, "09:00:00", "09:00:00"),
        ({"clock_flags": (ClockFlag.END_BEFORE_START,), "duration_s": -4.0}, "09:00:00", "09:00:00"),
    ],
)
def test_when_an_insect_came_and_left(update: dict[str, object], start: str, end: str):
    run = a_run(0).model_copy(update=update)
    if run.clock_flags and run.clock_flags != (ClockFlag.AMBIGUOUS,):
        run = run.model_copy(update={"sort_at": datetime(2026, 7, 1, 9, 0, tzinfo=UTC)})
    assert tuple(f"{moment:%H:%M:%S}" for moment in interval(run)) == (start, end)
