"""Which form an answer takes, and that spreadsheets run nothing in it."""

from datetime import UTC, datetime

import pytest

from proto.errors import BadRequest
from services.chassis.runs import to_document
from services.query.representations import CsvLines, NotAcceptable, negotiated
from services.query.run_rows import parse_fields, row_of, selected
from tests.support.seeds import a_run


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "json"),
        ("", "json"),
        ("application/json", "json"),
        ("text/csv", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("text/csv;q=0.5, application/json", "json"),
        ("TEXT/CSV ; charset=utf-8", "csv"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("application/json;q=0, text/csv;q=0.1", "csv"),
    ],
)
def test_the_best_liked_form_is_sent(accept, form):
    assert negotiated(accept) == form


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/csv;q=often"])
def test_what_we_cannot_make_is_refused(accept):
    with pytest.raises(NotAcceptable):
        negotiated(accept)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("@cmd", "'@cmd"),
        ("-2+3", "'-2+3"),
        ('a,"b"', '"a,""b"""'),
        (-3, "-3"),
        (True, "true"),
        (None, ""),
        (datetime(2026, 7, 1, 8, tzinfo=UTC), "2026-07-01T08:00:00Z"),
    ],
)
def test_a_cell_is_plain(value, text):
    assert CsvLines(("a", "b")).line((value, 1)).decode() == f"{text},1\n"


def test_fields_are_those_of_a_run():
    assert parse_fields("run_id, result.label,result.label") == ("run_id", "result.label")
    assert parse_fields("result,result.label") == ("result",)
    assert parse_fields(None) == ()


@pytest.mark.parametrize(
    "fields", ["nonsense", "result.nonsense", "camera_id.x", "$where", "counted", "_id", "result."]
)
def test_other_fields_are_refused(fields):
    with pytest.raises(BadRequest, match="a run has no field"):
        parse_fields(fields)


def test_a_run_is_one_flat_row():
    run = a_run(1, images=3)
    row = row_of(to_document(run))
    assert row["run_id"] == run.run_id
    assert row["images"] == 3
    assert row["label"] is None


def test_the_databases_own_names_stay_inside():
    document = to_document(a_run(1))
    assert selected({"_id": document["_id"], "status": "queued"}, ("status",)) == {"status": "queued"}
    assert selected({"_id": "x"}, ("run_id",)) == {"run_id": "x"}
