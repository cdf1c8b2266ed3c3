"""What embeds show: counts, names and one picture; never a place, never a doubtful name."""

import re
from datetime import UTC, date, datetime

import pytest

from proto.camera import Camera
from proto.classification import Certainty
from services.chassis.rollup_cells import Tally
from services.query.embeds.board import day_of, today_of, visit_of
from services.query.embeds.pages import WIDGETS, page, policy
from services.query.embeds.words import LANGUAGES, words
from tests.support.seeds import START, a_run, a_verdict

CAMERA = Camera(
    camera_id="garden-1",
    name="Garten",
    place="Geheimweg 7",
    latitude=52.39,
    longitude=13.09,
    credit="RBB",
    created_at=START,
)


def visited(label: str, certainty: Certainty = Certainty.SURE) -> dict:
    run = a_run(1)
    return run.model_copy(update={"result": a_verdict(run, label, certainty=certainty).result}).model_dump(mode="json")


def test_a_visitor_comes_with_both_names_a_picture_and_its_credit_and_never_with_a_place():
    visit = visit_of(visited("bee"), "bee", CAMERA)
    assert visit is not None
    assert (visit["name_de"], visit["name_en"], visit["camera"], visit["credit"]) == (
        "Wildbiene",
        "Wild bee",
        "Garten",
        "RBB",
    )
    assert visit["licence"] == "CC-BY-4.0"
    assert visit["picture"] == f"/api/v1/runs/{a_run(1).run_id}/thumbnail"
    assert not [value for value in visit.values() if value in (52.39, 13.09, "Geheimweg 7")]


@pytest.mark.parametrize(
    ("label", "certainty", "shown"),
    [
        ("bee", Certainty.SURE, True),
        ("bee", Certainty.PROBABLE, True),
        ("bee", Certainty.UNCLEAR, False),
        ("none_dirt", Certainty.SURE, False),
    ],
)
def test_only_insects_that_are_clear_enough_are_shown(label, certainty, shown):
    assert (visit_of(visited(label, certainty), label, CAMERA) is not None) is shown


def test_a_run_as_the_database_keeps_it_shows_the_same_picture():
    answered = visited("bee")
    kept = {name: value for name, value in answered.items() if name != "run_id"} | {"_id": answered["run_id"]}
    assert visit_of(kept, "bee", CAMERA) == visit_of(answered, "bee", CAMERA)


def test_a_run_without_a_verdict_is_no_visitor():
    assert visit_of(a_run(1).model_dump(mode="json"), "bee", CAMERA) is None


def test_a_day_counts_insects_only():
    tally = Tally()
    hours = {"bee": {"9": 2, "10": 1}, "none_dirt": {"9": 5}}
    tally.add({"period": "2026-07-01", "runs": {"bee": 3, "none_dirt": 5}, "hours": hours})
    day = day_of(date(2026, 7, 1), tally)
    assert (day["insects"], day["hours"][9:11], sum(day["hours"])) == (3, [2, 1], 3)
    assert [(row["label"], row["runs"]) for row in day["classes"]] == [("bee", 3)]


def test_today_is_the_cameras_day_not_the_servers():
    tokyo = CAMERA.model_copy(update={"timezone": "Asia/Tokyo"})
    late = datetime(2026, 7, 1, 20, 0, tzinfo=UTC)
    assert today_of([CAMERA], late) == date(2026, 7, 1)
    assert today_of([CAMERA, tokyo], late) == date(2026, 7, 2)


@pytest.mark.parametrize("widget", WIDGETS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_asks_no_other_host_and_says_its_words(widget, language):
    text = page(widget, language).decode()
    assert f'<html lang="{language}">' in text
    assert words()[language][widget] in text
    assert words()[language]["visits"] in text
    assert not re.findall(r"(?:src|href)=\"(?!/embed/)", text)
    assert "<style" not in text
    assert "onclick" not in text


def test_both_languages_have_the_same_words():
    de, en = words()["de"], words()["en"]
    assert de.keys() == en.keys()
    places = re.compile(r"\{(\w+)\}")
    assert all(sorted(places.findall(str(de[key]))) == sorted(places.findall(str(en[key]))) for key in de)


def test_only_named_sites_may_frame_a_page():
    assert policy(("https://example.org",)).endswith("frame-ancestors https://example.org")
    assert policy(()).endswith("frame-ancestors 'none'")
