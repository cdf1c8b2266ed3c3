"""Darwin Core Archive: read back by another program, coordinates no finer than wanted."""

import math
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest
from dwca.read import DwCAReader
from hypothesis import given
from hypothesis import strategies as st

from proto.classification import Certainty
from proto.taxonomy import taxonomy
from services.query.exports.dwca_rows import DWC, MOST_PICTURES, occurrence
from services.query.exports.item import ExportItem
from services.query.exports.place import country_of, place_of
from services.query.places import METRES_PER_DEGREE
from tests.support.export_items import a_camera, a_context, an_item, exported
from tests.support.seeds import a_run

CAMERA = a_camera(coordinate_uncertainty_m=500.0, place="Park\tam\nWasser", licence="CC0-1.0")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    items = [an_item(number, label, images=12) for number, label in enumerate(taxonomy())]
    items += [ExportItem(a_run(100)), an_item(101, certainty=Certainty.UNCLEAR)]
    file = tmp_path_factory.mktemp("dwca") / "dwca.zip"
    file.write_bytes(exported("dwca", items, a_context(CAMERA)))
    return file


def test_archive_is_read_back_with_its_pictures(archive: Path):
    with DwCAReader(str(archive)) as found:
        assert found.descriptor.core.type.endswith("Occurrence")
        rows = list(found)
        assert len(rows) == 24  # 27 classes, three of which are empty pictures; the unsure one is left out too
        assert len({row.id for row in rows}) == 24
        for row in rows:
            assert len(row.extensions) == MOST_PICTURES
            address = row.extensions[0].data["http://purl.org/dc/terms/identifier"]
            assert address.startswith("https://insekten.example.org/api/v1/images/")
            assert row.extensions[0].data["http://purl.org/dc/terms/license"].endswith("zero/1.0/legalcode")
        bee = next(row.data for row in rows if row.data[DWC + "verbatimIdentification"] == "bee")
    expected = {
        "basisOfRecord": "MachineObservation",
        "scientificName": "Hymenoptera",
        "taxonRank": "order",
        "kingdom": "Animalia",
        "eventDate": "2026-07-01T09:59:56+02:00/2026-07-01T10:00:01+02:00",
        "parentEventID": "garden-1",
        "geodeticDatum": "EPSG:4326",
        "coordinateUncertaintyInMeters": "500",
        "countryCode": "DE",
        "locality": "Park am Wasser",
        "individualCount": "1",
        "occurrenceStatus": "present",
        "samplingProtocol": "camera trap",
        "identificationVerificationStatus": "unverified",
        "identifiedBy": "flower 2.0",
    }
    assert {name: bee[DWC + name] for name in expected} == expected
    assert bee[DWC + "occurrenceID"] == f"krabbel:run:{bee[DWC + 'eventID']}"
    assert bee[DWC + "identificationRemarks"].startswith(
        "machine classification, label bee, weighted probability 0.900"
    )
    assert float(bee[DWC + "decimalLatitude"]) != CAMERA.latitude


def test_metadata_tell_who_what_and_under_which_licence(archive: Path):
    with DwCAReader(str(archive)) as found:
        assert found.metadata is not None
        dataset = found.metadata.find("dataset")
        assert dataset is not None
        order = [child.tag for child in dataset]
        assert order == [
            "title", "creator", "metadataProvider", "pubDate", "language", "abstract", "intellectualRights", "coverage",
            "contact", "methods",
        ]  # fmt: skip
        assert dataset.findtext("contact/electronicMailAddress") == "maja@example.org"
        link = dataset.find("intellectualRights/para/ulink")
        assert link is not None
        assert link.attrib["url"] == "https://creativecommons.org/licenses/by/4.0/legalcode"
        assert "5 runs without an animal" in str(dataset.findtext("abstract/para"))
        assert dataset.findtext("coverage/temporalCoverage/rangeOfDates/beginDate/calendarDate") == "2026-07-01"
        ranks = {
            taxon.findtext("taxonRankValue"): taxon.findtext("taxonRankName")
            for taxon in dataset.iter("taxonomicClassification")
        }
        assert (ranks["Aves"], ranks["Diptera"]) == ("class", "order")


def test_all_terms_stand_in_the_columns_order(tmp_path: Path, archive: Path):
    import zipfile

    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path)
    namespace = "{http://rs.tdwg.org/dwc/text/}"
    root = parse(tmp_path / "meta.xml").getroot()  # noqa: S314 - our own file
    for tag, file in (("core", "occurrence.txt"), ("extension", "multimedia.txt")):
        table = root.find(f"{namespace}{tag}")
        assert table is not None
        header = (tmp_path / file).read_text(encoding="utf-8").split("\n", 1)[0].split("\t")
        for field in table.iter(f"{namespace}field"):
            assert field.attrib["term"].rpartition("/")[2] == header[int(field.attrib["index"])]


@pytest.mark.parametrize("label", ["none_bg", "none_dirt", "none_shadow"])
def test_empty_pictures_are_no_occurrences(label: str):
    assert occurrence(an_item(1, label).run, a_context()) is None


def test_camera_that_nobody_knows_has_no_place_but_counts():
    row = occurrence(an_item().run, a_context(a_camera("elsewhere")))
    assert row is not None
    assert (row.decimalLatitude, row.geodeticDatum, row.countryCode) == ("", "", "")


def test_country_follows_the_zone_unless_the_operator_says():
    assert [country_of(zone) for zone in ("Europe/Berlin", "Europe/Vienna", "UTC")] == ["DE", "AT", ""]
    row = occurrence(an_item().run, a_context(country_code="AT"))
    assert row is not None
    assert row.countryCode == "AT"


@given(
    st.floats(-85, 85),
    st.floats(-180, 180),
    st.floats(1, 50_000),
)
def test_true_place_lies_within_the_told_uncertainty(latitude: float, longitude: float, uncertainty: float):
    camera = a_camera(latitude=latitude, longitude=longitude, coordinate_uncertainty_m=uncertainty)
    place = place_of(camera)
    assert place is not None
    north = (place.latitude - latitude) * METRES_PER_DEGREE
    east = (place.longitude - longitude) * METRES_PER_DEGREE * math.cos(math.radians(latitude))
    assert math.hypot(north, east) <= place.uncertainty_m


@given(st.floats(-80, 80), st.floats(-179, 179), st.floats(10, 10_000), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_coarse_places_are_few_and_always_the_same(
    latitude: float, longitude: float, uncertainty: float, north: float, east: float
):
    # Given two places less than a quarter of a square apart, they are told as the same or as neighbouring squares.
    step = uncertainty / METRES_PER_DEGREE
    first = place_of(a_camera(latitude=latitude, longitude=longitude, coordinate_uncertainty_m=uncertainty))
    second = place_of(
        a_camera(
            latitude=latitude + north * step, longitude=longitude + east * step, coordinate_uncertainty_m=uncertainty
        )
    )
    assert first is not None
    assert second is not None
    assert abs(first.latitude - second.latitude) < step * 1.2
