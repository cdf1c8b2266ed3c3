"""Leads are found where there is enough behind them, and said in right German and English."""

import re
from datetime import date, timedelta

import pytest

from proto.taxonomy import taxonomy
from services.query.stories.leads import History, Lead, leads
from services.query.stories.sentences import language_file, long_date, row_of, sentence

DAY = date(2026, 5, 20)


def days(*counts: int, last: date = DAY) -> dict[str, int]:
    """Return counts by day, the last one for ``last``; zeros are days on which nothing came."""
    first = last - timedelta(days=len(counts) - 1)
    return {(first + timedelta(days=n)).isoformat(): count for n, count in enumerate(counts) if count}


def history(classes: dict[str, dict[str, int]], **more) -> History:
    given = {"hours": {}, "hours_ever": {}, "insect_hours": {}, "awake": {}} | more
    return History(DAY, classes, **given)


def found(history: History) -> list[tuple[str, str | None, int]]:
    return [(lead.kind, lead.label, lead.value) for lead in leads(history)]


STEADY = {"fly": days(*[5] * 20)}
LAST_YEAR = days(3, last=date(2025, 8, 1))


@pytest.mark.parametrize(
    ("classes", "wanted"),
    [
        (STEADY, []),
        ({"fly": days(5, 5, 5), "lepi": days(1)}, []),  # three days are no history
        (STEADY | {"lepi": days(2)}, [("newcomer", "lepi", 2)]),
        (STEADY | {"none_bird": days(2)}, []),  # no insect
        (STEADY | {"lepi": LAST_YEAR | days(1)}, [("first_of_season", "lepi", 1)]),
        (STEADY | {"lepi": days(1, 0, 0, 1)}, []),  # was here on Sunday
        (
            {"fly": LAST_YEAR | days(*[5] * 3), "bee": days(*[1] * 8, last=date(2025, 9, 1)) | days(1)},
            [],
        ),  # young season
        ({"fly": days(*[9] * 10, 10)}, [("record_day", None, 10), ("record_class", "fly", 10)]),
        ({"fly": days(*[9] * 10, 9)}, []),  # as many as before is no record
        ({"fly": days(*[2] * 10, 3)}, []),  # too few to speak of
        ({"fly": days(*[9] * 10, 4), "bee": days(*[1] * 10, 7)}, [("record_day", None, 11)]),
    ],
)
def test_arrivals_and_records(classes, wanted):
    assert found(history(classes)) == wanted


def test_a_later_day_takes_nothing_from_a_record():
    classes = {"fly": days(*[9] * 10, 20) | {"2026-06-01": 99}}
    assert ("record_day", None, 20) in found(history(classes))


@pytest.mark.parametrize(
    ("today", "before", "wanted"),
    [(8, 7, [("busiest_hour", None, 8)]), (7, 7, []), (4, 1, [])],
)
def test_the_busiest_hour_so_far(today, before, wanted):
    hours = {("2026-05-20", 13): today, ("2026-05-20", 9): 1, ("2026-05-01", 12): before, ("2026-06-01", 12): 99}
    assert found(history(STEADY, insect_hours=hours)) == wanted


@pytest.mark.parametrize(
    ("hours", "ever", "wanted"),
    [
        ({5: 1, 12: 3}, {5: 1, 9: 40, 12: 60}, [("early_riser", "fly", 1)]),
        ({5: 1}, {5: 1, 9: 29}, []),  # too few to know its habit
        ({9: 1}, {9: 41, 12: 60}, []),  # as always
        ({5: 1}, {4: 1, 5: 2, 9: 100}, [("early_riser", "fly", 1)]),
        ({5: 1}, {4: 3, 5: 2, 9: 100}, []),  # one in thirty is that early
    ],
)
def test_early_risers(hours, ever, wanted):
    assert found(history(STEADY, hours={"fly": hours}, hours_ever={"fly": ever})) == wanted


AWAKE = {(DAY - timedelta(days=back)).isoformat(): 20 for back in range(15)}


@pytest.mark.parametrize(
    ("awake_today", "over", "wanted"),
    [
        (20, True, [("absence", "bee", 7)]),
        (10, True, []),  # half a day of silence says less: 3.5 were to be expected
        (0, True, []),  # the camera slept
        (20, False, []),  # the day may still bring some
    ],
)
def test_absence_counts_only_where_cameras_were_awake(awake_today, over, wanted):
    classes = STEADY | {"bee": days(*[7] * 14, 0)}
    awake = AWAKE | {DAY.isoformat(): awake_today}
    assert found(history(classes, awake=awake, over=over)) == wanted


BEFORE = {"before": 1042, "before_day": date(2026, 5, 2)}
SENTENCES = [
    (
        Lead("newcomer", DAY, 1, "lepi"),
        "Neu vor der Kamera: Am 20. Mai 2026 war zum ersten Mal überhaupt ein Schmetterling zu Besuch.",
        "New in front of the camera: on 20 May 2026, a butterfly or moth visited for the first time ever.",
    ),
    (
        Lead("first_of_season", DAY, 1, "other"),
        "Der erste sonstige Gliederfüßer des Jahres 2026 war am 20. Mai zu Besuch.",
        "The first arthropod of another kind in 2026 visited on 20 May.",
    ),
    (
        Lead("record_day", DAY, 1200, None, BEFORE),
        "Rekord: Am 20. Mai 2026 gab es 1.200 Insektenbesuche, mehr als an jedem Tag zuvor. Bisher stand der Rekord "
        "bei 1.042, am 2. Mai 2026.",
        "A record: 1,200 insect visits on 20 May 2026, more than on any day before. The record so far was 1,042, on "
        "2 May 2026.",
    ),
    (
        Lead("record_class", DAY, 30, "fly_small", {"before": 29, "before_day": date(2026, 5, 2)}),
        "Noch nie gab es an einem Tag so viele Besuche von kleinen Fliegen: 30 waren es am 20. Mai 2026. Bisher lag "
        "der Höchstwert bei 29, am 2. Mai 2026.",
        "Never before were there so many visits by small flies in one day: 30 on 20 May 2026. The highest number so "
        "far was 29, on 2 May 2026.",
    ),
    (
        Lead("busiest_hour", DAY, 31, None, {"hour": 13}),
        "Die lebhafteste Stunde bisher: Am 20. Mai 2026 gab es zwischen 13 und 14 Uhr 31 Insektenbesuche.",
        "The busiest hour so far: 31 insect visits between 13:00 and 14:00 on 20 May 2026.",
    ),
    (
        Lead("early_riser", DAY, 1, "bee_bombus", {"hour": 5, "as_early": 1, "total": 240}),
        "Früh auf: Am 20. Mai 2026 war schon zwischen 5 und 6 Uhr eine Hummel zu Besuch. Von 240 anderen Besuchen kam "
        "nur einer so früh.",
        "Up early: on 20 May 2026, a bumblebee visited between 5:00 and 6:00. Only one of the 240 other visits came "
        "that early.",
    ),
    (
        Lead("early_riser", DAY, 1, "ant", {"hour": 5, "as_early": 0, "total": 240}),
        "Früh auf: Am 20. Mai 2026 war schon zwischen 5 und 6 Uhr eine Ameise zu Besuch. Von 240 anderen Besuchen kam "
        "keiner so früh.",
        "Up early: on 20 May 2026, an ant visited between 5:00 and 6:00. None of the 240 other visits came that early.",
    ),
    (
        Lead("absence", DAY, 7, "beetle_cocci"),
        "Vermisst: Am 20. Mai 2026 gab es keinen Besuch von Marienkäfern. Nach den zwei Wochen davor wären, gemessen "
        "an der Betriebszeit der Kameras, etwa 7 zu erwarten gewesen.",
        "Missing: there was no visit by ladybirds on 20 May 2026. Judging by the two weeks before and by how long the "
        "cameras were awake, about 7 would have been expected.",
    ),
]


@pytest.mark.parametrize(("lead", "german", "english"), SENTENCES)
def test_sentences(lead, german, english):
    assert sentence(lead, "de") == german
    assert sentence(lead, "en") == english


@pytest.mark.parametrize("label", [label for label, taxon in taxonomy().items() if taxon.is_insect])
def test_every_insect_has_its_forms_and_they_agree(label):
    said = language_file()["classes"][label]
    article, _, _ = said["de"]["one"].partition(" ")
    assert said["de"]["first"].startswith({"ein": "der erste ", "eine": "die erste "}[article])
    assert said["de"]["of_many"][-1] in "ns", "a dative plural"
    noun = said["en"]["one"].partition(" ")[2]
    assert said["en"]["one"].startswith("an " if noun[0] in "aeio" else "a ")
    assert said["en"]["first"] == f"the first {noun}"
    assert said["en"]["of_many"] != noun


def test_a_class_of_another_model_is_named_by_its_label():
    assert "ein Insekt der Klasse „moth_xl“" in sentence(Lead("newcomer", DAY, 1, "moth_xl"), "de")
    assert "an insect of the class “moth_xl”" in sentence(Lead("newcomer", DAY, 1, "moth_xl"), "en")


@pytest.mark.parametrize(("lead", "_german", "_english"), SENTENCES)
def test_evidence_is_a_query_of_the_archive_and_nothing_stays_unfilled(lead, _german, _english):
    row = row_of(lead, ("garden-1",))
    assert re.fullmatch(
        r"(day=2026-05-20|from=2026-05-06&to=2026-05-20)&(class=\w+|insect=true)&camera=garden-1", row["evidence"]
    )
    assert "{" not in row["sentence_de"] + row["sentence_en"]


def test_dates_in_words():
    assert (long_date(DAY, "de"), long_date(DAY, "en", year=False)) == ("20. Mai 2026", "20 May")
