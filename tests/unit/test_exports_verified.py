"""A person's word in every export: it is the class, and its name stands where the machine's stood."""

from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from proto.classification import Certainty
from services.query.exports.dwca_rows import occurrence
from services.query.exports.insect_detect import final_rows
from services.query.exports.item import ExportItem
from tests.support.export_items import a_context, an_item, exported, observation_rows
from tests.support.export_items import verified as person_says

AT = datetime(2026, 7, 2, 12, tzinfo=UTC)


def verified(label: str, machine: str = "bee", **options: object) -> ExportItem:
    return person_says(an_item(1, machine, **options), label)  # type: ignore[arg-type]


def test_camtrap_says_human_by_name_and_gives_no_probability():
    event, picture = observation_rows(verified("bee_apis"))
    assert (event.classificationMethod, event.classifiedBy) == ("human", "Maja")
    assert (event.classificationProbability, event.classificationTimestamp) == ("", "2026-07-02T14:00:00+02:00")
    assert event.scientificName == "Apis mellifera"
    assert "label:bee_apis" in event.observationTags
    assert "verdict:corrected | machineLabel:bee" in event.observationTags
    assert picture.classificationMethod == "machine", "nobody looked at each picture"


@pytest.mark.parametrize(("label", "kind"), [("none_dirt", "blank"), ("none_bird", "animal"), ("bee", "animal")])
def test_a_word_is_sure_where_the_machine_was_not(label: str, kind: str):
    unsure = verified(label, certainty=Certainty.UNCLEAR, probability=0.3)
    event, _ = observation_rows(unsure)
    assert event.observationType == kind


def test_darwin_core_says_that_a_human_verified_it():
    row = occurrence(verified("bee_apis").run, a_context())
    assert row is not None
    assert (row.identificationVerificationStatus, row.identifiedBy) == ("verified by human", "Maja")
    assert (row.verbatimIdentification, row.dateIdentified) == ("bee_apis", "2026-07-02T12:00:00+00:00")
    assert "corrected by a person as bee_apis" in row.identificationRemarks
    unverified = occurrence(an_item(1, "bee").run, a_context())
    assert unverified is not None
    assert unverified.identificationVerificationStatus == "unverified"


def test_what_a_person_calls_empty_is_no_occurrence():
    assert occurrence(verified("none_bg").run, a_context()) is None


def test_the_tables_follow_the_person():
    table = exported("csv", [verified("fly")]).decode().splitlines()[1]
    assert table.endswith(",fly,1.0")
    (row,) = final_rows(verified("fly"), a_context())
    assert (row[9], row[10], row[11], row[12]) == (0, "fly", 0.0, 0.0), "no picture looked like a fly to the machine"
    (row,) = final_rows(verified("bee"), a_context())
    assert (row[9], row[10], row[11]) == (1, "bee", 0.9)


def test_parquet_has_both_words(tmp_path):
    file = tmp_path / "runs.parquet"
    file.write_bytes(exported("parquet", [verified("none_dirt"), an_item(2, "fly")]))
    rows = pq.read_table(file).to_pylist()
    assert [(row["label"], row["is_insect"], row["machine_label"], row["verdict"]) for row in rows] == [
        ("none_dirt", False, "bee", "corrected"),
        ("fly", True, "fly", None),
    ]
