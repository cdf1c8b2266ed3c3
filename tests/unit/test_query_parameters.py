"""What a URL asks for, by tables of cases."""

from datetime import UTC, date, datetime

import pytest
from multidict import MultiDict

from proto.errors import BadRequest
from services.query.cursor import Cursor, decode_cursor
from services.query.parameters import Parameters
from services.query.run_filter import FILTERS, PAGING, Page, page_query, parse_filter, parse_page, query_of

RUN_ID = "0123456789abcdef" * 2


def parsed(**query: str):
    return parse_filter(Parameters(MultiDict(query), (*FILTERS, *PAGING)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {}),
        ({"camera": "a"}, {"camera_id": "a"}),
        ({"camera": "a,b,a"}, {"camera_id": {"$in": ["a", "b"]}}),
        ({"class": "bee"}, {"label": "bee"}),
        ({"status": "failed,queued"}, {"status": {"$in": ["failed", "queued"]}}),
        ({"insect": "true"}, {"is_insect": True}),
        ({"insect": "0"}, {"is_insect": False}),
        ({"verified": "true"}, {"verification.label": {"$gt": ""}}),
        ({"verified": "false"}, {"verification.label": None}),
        ({"pictures": "true"}, {"pictures_gone": None}),
        ({"pictures": "false"}, {"pictures_gone": {"$ne": None}}),
        ({"day": "2026-07-01", "hour": "0"}, query_of(parsed(day="2026-07-01")) | {"local_hour": 0}),
        ({"certainty": "unclear"}, {"result.certainty": "unclear"}),
        ({"model": "m@1"}, {"result.model_id": "m@1"}),
    ],
)
def test_filters_become_a_query(query, expected):
    assert query_of(parsed(**query)) == expected


def test_a_day_is_searched_within_bounds_that_hold_for_every_zone():
    query = query_of(parsed(day="2026-07-01"))
    assert query["local_date"] == "2026-07-01"
    assert query["sort_at"] == {
        "$gte": datetime(2026, 6, 30, 10, tzinfo=UTC),
        "$lt": datetime(2026, 7, 2, 12, tzinfo=UTC),
    }


def test_moments_and_days_can_be_given_as_range():
    days = parsed(**{"from": "2026-07-01", "to": "2026-07-03"})
    assert (days.first_day, days.last_day) == (date(2026, 7, 1), date(2026, 7, 3))
    # "+" in a URL means a space: clients that forget to escape it are understood
    moments = parsed(**{"from": "2026-07-01T10:00:00 02:00", "to": "2026-07-01T09:00:00Z"})
    assert (moments.after, moments.before) == (datetime(2026, 7, 1, 8, tzinfo=UTC), datetime(2026, 7, 1, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"colour": "red"}, "colour"),
        ({"day": "15.5.2026"}, "day"),
        ({"day": "2026-02-30"}, "day"),
        ({"day": ""}, "day"),
        ({"day": "2026-05-01", "from": "2026-05-01"}, "day"),
        ({"from": "2026-05-02", "to": "2026-05-01"}, "from"),
        ({"from": "2026-05-01T10:00:00"}, "from"),
        ({"from": "0001-01-01T00:00:00+23:00"}, "from"),
        ({"to": "yesterday"}, "to"),
        ({"hour": "9"}, "hour"),
        ({"hour": "9", "from": "2026-05-01"}, "hour"),
        ({"hour": "24", "day": "2026-05-01"}, "hour"),
        ({"status": "done"}, "status"),
        ({"insect": "perhaps"}, "insect"),
        ({"certainty": "very"}, "certainty"),
        ({"camera": "Garden 1"}, "camera"),
        ({"camera": ",".join(f"c{n}" for n in range(60))}, "camera"),
        ({"q": "a\x00b"}, "q"),
        ({"q": "x" * 101}, "q"),
    ],
)
def test_nonsense_is_refused_by_name(query, name):
    with pytest.raises(BadRequest, match=rf"^{name}: "):
        parsed(**query)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1e3", "x", "", "٣"])
def test_a_limit_out_of_bounds_is_refused(limit):
    with pytest.raises(BadRequest, match=r"^limit: must be a whole number from 1 to 500"):
        parse_page(Parameters(MultiDict(limit=limit), PAGING), 500)


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(BadRequest, match="given twice"):
        Parameters(MultiDict([("day", "2026-05-01"), ("day", "2026-05-02")]), ("day",))


@pytest.mark.parametrize("moment", [datetime(2026, 7, 1, 8, 0, 0, 123000, UTC), datetime(1969, 12, 31, tzinfo=UTC)])
def test_cursor_survives_the_way_through_a_url(moment):
    cursor = Cursor(moment, RUN_ID)
    assert decode_cursor(cursor.encode()) == cursor


@pytest.mark.parametrize("value", [0.9731234567890123, 1e-05, 0.0, 12, 1.5e16, -2.25])
def test_cursor_of_another_order_is_exact_and_of_no_other_list(value):
    text = Cursor(value, RUN_ID, "c").encode()
    assert decode_cursor(text, "c") == Cursor(value, RUN_ID, "c")
    for other in ("", "d"):
        with pytest.raises(BadRequest, match=r"^cursor: "):
            decode_cursor(text, other)


@pytest.mark.parametrize("text", ["", "x", "ä", "a" * 500, "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5Lj"])
def test_a_foreign_cursor_is_refused(text):
    with pytest.raises(BadRequest, match=r"^cursor: "):
        decode_cursor(text)


def test_a_page_behind_a_cursor_seeks_and_keeps_the_text_search():
    cursor = Cursor(datetime(2026, 7, 1, tzinfo=UTC), RUN_ID)
    query = page_query(parsed(q="Hummel"), Page(10, cursor))
    searched, behind = query["$and"]
    assert {"label": {"$in": ["bee_bombus"]}} in searched["$or"]
    assert behind["sort_at"] == {"$lte": cursor.value}


def test_an_order_by_certainty_asks_for_judged_runs_only_and_seeks_behind_the_last():
    page = parse_page(Parameters(MultiDict(order="least_certain"), PAGING), 500)
    assert page_query(parsed(), page) == {"result.probability_weighted": {"$gte": 0}}
    behind = page_query(parsed(camera="a"), Page(10, Cursor(0.5, RUN_ID, "c"), page.order))["$and"]
    assert behind[0] == {"camera_id": "a"}
    assert behind[2]["result.probability_weighted"] == {"$gte": 0.5}
