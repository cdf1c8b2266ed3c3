"""Camtrap DP 1.0.2: the package is valid offline, and says what a run is."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from proto.classification import Certainty
from proto.run import ClockFlag
from services.query.exports.camtrap import CameraWithoutPlace
from services.query.exports.camtrap_package import is_public, spatial
from services.query.exports.camtrap_rows import event_tags
from services.query.exports.event import event_of
from services.query.exports.item import ExportItem
from services.query.exports.place import Place
from tests.support.camtrap_package import faults, table, validate
from tests.support.camtrap_reference import tables
from tests.support.export_items import (
    VARIED_CAMERAS,
    a_camera,
    a_context,
    an_item,
    exported,
    observation_rows,
    unpacked,
    varied_items,
)
from tests.support.seeds import START, a_run


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = exported("camtrap-dp", varied_items(), a_context(*VARIED_CAMERAS))
    return unpacked(data, tmp_path_factory.mktemp("camtrap"))


def test_package_is_valid_by_the_official_profile_and_schemas_without_a_network(package: Path):
    problems, asked = validate(package)
    assert problems == []
    assert {address.rpartition("/")[2] for address in asked} >= {
        "camtrap-dp-profile.json",
        "deployments-table-schema.json",
        "media-table-schema.json",
        "observations-table-schema.json",
        "data-package.json",
        "geojson.json",
    }


def test_package_has_no_faults_that_the_validator_lets_through(package: Path):
    assert list(faults(package)) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("datapackage.json", '"project": {', '"prospect": {'),
        ("datapackage.json", '"start": "', '"begin": "'),
        ("datapackage.json", "1.0.2/media-table-schema.json", "1.0.1/media-table-schema.json"),
        ("observations.csv", ",animal,", ",beast,"),
        ("observations.csv", ",garden-1,", ",garden-9,"),
        ("media.csv", "+02:00,", ","),
    ],
)
def test_validation_is_not_blind(package: Path, tmp_path: Path, file: str, old: str, new: str):
    for source in package.iterdir():
        text = source.read_text(encoding="utf-8")
        assert source.name != file or old in text
        (tmp_path / source.name).write_text(text.replace(old, new, 1) if source.name == file else text, "utf-8")
    problems, _ = validate(tmp_path)
    assert problems


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("datapackage.json", '"scope": "media"', '"scope": "data"', "licences for"),
        ("datapackage.json", '"path": "media.csv"', '"path": "./media.csv"', "path ./media.csv"),
        ("datapackage.json", '"scientificName": "Formicidae"', '"scientificName": "Apidae"', "taxonomic coverage"),
        ("observations.csv", ",animal,,Aves,", ",animal,,,", "animal named ''"),
        ("observations.csv", ",event,animal,", ",media,animal,", "mediaID ''"),
        ("observations.csv", ":00+02:00,2026-07-01T10:00:0", ":00+02:00,2026-06-01T10:00:0", "ends before it starts"),
        ("media.csv", "+02:00,https", "+02:00,../https", "path ../https"),
        ("media.csv", "+02:00,", ".5+02:00,", "timestamp"),
    ],
)
def test_own_checks_find_what_they_are_for(package: Path, tmp_path: Path, file: str, old: str, new: str, found: str):
    for source in package.iterdir():
        text = source.read_text(encoding="utf-8")
        assert source.name != file or old in text
        (tmp_path / source.name).write_text(text.replace(old, new) if source.name == file else text, "utf-8")
    assert any(found in fault for fault in faults(tmp_path))


def test_tables_are_those_of_the_plain_way_to_the_byte(package: Path):
    media, observations = tables(varied_items(), a_context(*VARIED_CAMERAS))
    assert (package / "media.csv").read_bytes().decode() == media
    assert (package / "observations.csv").read_bytes().decode() == observations


def test_events_and_pictures_of_a_run_belong_together(package: Path):
    observations = table(package, "observations")
    events = [row for row in observations if row["observationLevel"] == "event"]
    assert len(events) == len(varied_items())
    bumblebees = next(row for row in events if "label:bee_bombus |" in row["observationTags"])
    pictures = [row for row in observations if row["eventID"] == bumblebees["eventID"] and row["mediaID"]]
    media = {row["mediaID"]: row for row in table(package, "media")}
    assert bumblebees["observationTags"].startswith(f"label:bee_bombus | trackImages:{len(pictures)} | ")
    assert (bumblebees["scientificName"], bumblebees["count"]) == ("Bombus", "1")
    assert (bumblebees["classificationMethod"], bumblebees["classifiedBy"]) == ("machine", "flower 2.0")
    assert bumblebees["classificationProbability"] == "0.900000"
    assert all(media[row["mediaID"]]["filePath"].startswith("https://insekten.example.org/api/") for row in pictures)
    assert all(media[row["mediaID"]]["filePublic"] == "true" for row in pictures)


@pytest.mark.parametrize(
    ("label", "certainty", "kind", "name"),
    [
        ("bee", Certainty.SURE, "animal", "Hymenoptera"),
        ("bee", Certainty.PROBABLE, "animal", "Hymenoptera"),
        ("bee", Certainty.UNCLEAR, "unknown", ""),
        ("bug", Certainty.SURE, "animal", "Hemiptera"),
        ("fly", Certainty.SURE, "animal", "Diptera"),
        ("fly_small", Certainty.SURE, "animal", "Diptera"),
        ("hfly_eupeo", Certainty.SURE, "animal", "Syrphidae"),
        ("bee_apis", Certainty.SURE, "animal", "Apis mellifera"),
        ("other", Certainty.SURE, "animal", "Arthropoda"),
        ("none_bird", Certainty.SURE, "animal", "Aves"),
        ("none_bg", Certainty.SURE, "blank", ""),
        ("none_dirt", Certainty.PROBABLE, "blank", ""),
        ("none_shadow", Certainty.SURE, "blank", ""),
        ("none_shadow", Certainty.UNCLEAR, "unknown", ""),
        ("moth_big", Certainty.SURE, "animal", "Animalia"),
        ("none_mouse", Certainty.SURE, "blank", ""),
    ],
)
def test_kind_and_name_of_a_run(label: str, certainty: Certainty, kind: str, name: str):
    event, *_ = observation_rows(an_item(1, label, certainty=certainty))
    assert (event.observationType, event.scientificName, event.count) == (kind, name, "1" if name else "")
    assert f"label:{label} |" in event.observationTags


def test_run_that_is_not_classified_says_so():
    event, picture = observation_rows(ExportItem(a_run(1)))
    assert (event.observationType, picture.observationType) == ("unclassified", "unclassified")
    assert (event.classificationMethod, event.classificationProbability) == ("", "")


def test_doubted_clock_gives_the_time_of_receipt_and_says_so():
    run = a_run(1, clock_flags=(ClockFlag.FUTURE,), duration_s=4.0)
    received = START + timedelta(days=3)
    late = run.model_copy(update={"ended_at": START.replace(year=2099), "sort_at": received, "received_at": received})
    event, *_ = observation_rows(an_item(run=late))
    assert (event.eventStart, event.eventEnd) == ("2026-07-04T09:59:56+02:00", "2026-07-04T10:00:00+02:00")
    assert "future" in event.observationComments
    assert "2099" in event.observationComments


def test_tags_cannot_be_forged_by_a_track_id():
    hostile = an_item(run=a_run(1).model_copy(update={"tracking_id": "7 | label:wasp"}))
    assert "trackID:7 / label:wasp" in event_tags(event_of(hostile))


def test_demo_model_is_marked_where_everybody_looks(tmp_path: Path):
    item = an_item()
    assert item.run.result is not None
    demo = item.run.model_copy(update={"result": item.run.result.model_copy(update={"demo_model": True})})
    folder = unpacked(exported("camtrap-dp", [ExportItem(demo, item.verdict)]), tmp_path)
    assert json.loads((folder / "datapackage.json").read_text())["title"].startswith("DEMO MODEL, NOT FOR PUBLICATION")
    assert "demoModel:true" in table(folder, "observations")[0]["observationTags"]


def test_deployments_last_from_first_to_last_run_and_are_coarse_where_wanted(package: Path):
    garden, roof = table(package, "deployments")
    assert garden["deploymentEnd"] == "2026-10-25T02:00:01+01:00"
    assert (garden["latitude"], garden["coordinateUncertainty"]) == ("52.390612", "")
    assert (roof["latitude"] != "52.390612", roof["coordinateUncertainty"]) == (True, "1000")
    described = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    assert described["coordinatePrecision"] == pytest.approx(0.009)
    assert {item["name"] for item in described["licenses"]} == {"CC-BY-4.0", "All-rights-reserved"}
    assert [item["role"] for item in described["contributors"]] == ["publisher", "contact", "rightsHolder"]


def test_nothing_selected_is_an_empty_valid_package(tmp_path: Path):
    folder = unpacked(exported("camtrap-dp", []), tmp_path)
    assert validate(folder)[0] == []
    assert table(folder, "deployments") == []


@pytest.mark.parametrize("camera", [a_camera("elsewhere"), a_camera(latitude=None, longitude=None)])
def test_camera_without_coordinates_is_refused_in_words(camera):
    with pytest.raises(CameraWithoutPlace, match="'garden-1' has no coordinates"):
        exported("camtrap-dp", [an_item()], a_context(camera))


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://insekten.example.org", True),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://192.168.1.4", False),
        ("http://10.0.0.1:80", False),
        ("http://localhost:8000", False),
        ("http://raspberry.local", False),
        ("http://krabbel:8000", False),
    ],
)
def test_pictures_are_public_where_the_world_can_reach_them(url: str, public: bool):
    assert is_public(url) is public


def test_extent_is_a_point_or_a_box():
    assert spatial([Place(52.0, 13.0, 0)] * 2) == {"type": "Point", "coordinates": [13.0, 52.0]}
    box = spatial([Place(52.0, 13.5, 0), Place(53.0, 13.0, 0)])["coordinates"][0]
    assert box == [[13.0, 52.0], [13.5, 52.0], [13.5, 53.0], [13.0, 53.0], [13.0, 52.0]]
