"""What the dashboard knows, after whatever order of events."""

from datetime import UTC, date, datetime, timedelta

import pytest

from krabbel.answers import ClassHours, ClassHourStatistics, DayCount, Sighting
from proto.camera import Camera
from proto.classification import Certainty, RunResult
from proto.live import LiveEvent, LiveEventType
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun
from proto.taxonomy import entry
from services.dashboard.figures import DayFigures
from services.dashboard.novelty import Novelty, Record, judge
from services.dashboard.state import VISITORS, WAITING, State

NOON = datetime(2026, 5, 12, 10, 0, tzinfo=UTC)
DAY = date(2026, 5, 12)


def run_of(number: int, label: str | None = None, **changes: object) -> TrackingRun:
    at = NOON + timedelta(seconds=number)
    result = None
    if label:
        result = RunResult(
            model_id="m@1", label=label, is_insect=entry(label).is_insect, certainty=Certainty.SURE, top1_images=1,
            images=1, probability_mean=0.9, probability_weighted=0.9, classified_at=at,
        )  # fmt: skip
    image = ImageReference(
        sha256=f"{number:064x}", object_key=f"runs/{number:032x}/{number:064x}.jpg", file_name="a.jpg",
        content_type="image/jpeg", byte_size=9, width=9, height=9,
    )  # fmt: skip
    run = TrackingRun(
        run_id=f"{number:032x}", camera_id="garten", tracking_id=str(number), source=RunSource.LEGACY, started_at=at,
        ended_at=at, duration_s=1, received_at=at, sort_at=at, local_date=DAY, local_hour=12, images=(image,),
        status=RunStatus.CLASSIFIED if label else RunStatus.RECEIVED, result=result,
    )  # fmt: skip
    return run.model_copy(update=changes)


def event(kind: str, run: TrackingRun, after_s: float = 0) -> LiveEvent:
    moment = run.received_at + timedelta(seconds=after_s)
    return LiveEvent(event_id="1", type=LiveEventType(f"run.{kind}"), at=moment, run=run)


def at_noon(runs: int) -> tuple[int, ...]:
    return tuple(runs if hour == 12 else 0 for hour in range(24))


def state_of_noon() -> State:
    """12 o'clock: 5 bees and a shadow were counted already."""
    state = State()
    state.load_cameras([Camera(camera_id="garten", name="Garten", created_at=NOON)])
    state.load_days([DayCount(day=DAY, runs=6, insects=5)])
    classes = (
        ClassHours(label="bee", is_insect=True, runs=at_noon(5)),
        ClassHours(label="none_shadow", is_insect=False, runs=at_noon(1)),
    )
    state.load_figures(DayFigures.read(ClassHourStatistics(day=DAY, classes=classes)))
    state.load_records([Sighting(label="bee", is_insect=True, runs=5, first_day=DAY, last_day=DAY)])
    return state


def counts(state: State) -> tuple[int, int, dict[str, int]]:
    figures = state.figures[DAY]
    assert sum(figures.runs) == state.days[DAY].runs
    assert sum(figures.insects) == state.days[DAY].insects
    return sum(figures.runs), sum(figures.insects), dict(figures.ranking())


def test_run_counts_once_it_has_a_name_and_not_before() -> None:
    state = state_of_noon()

    state.apply(event("received", run_of(1)))
    assert counts(state)[:2] == (6, 5)
    change = state.apply(event("classified", run_of(1, "lepi"), after_s=1))

    assert change.counts
    assert counts(state) == (7, 6, {"bee": 5, "lepi": 1, "none_shadow": 1})
    assert not state.doubted


def test_repeated_event_changes_nothing() -> None:
    state = state_of_noon()
    events = [event("received", run_of(1)), event("queued", run_of(1), 1), event("classified", run_of(1, "lepi"), 2)]
    for one in events:
        state.apply(one)
    before = counts(state)

    for one in events:
        assert not state.apply(one).counts

    assert counts(state) == before


def test_overtaken_event_changes_nothing() -> None:
    state = state_of_noon()
    state.apply(event("received", run_of(1)))
    state.apply(event("classified", run_of(1, "lepi"), 2))

    change = state.apply(event("queued", run_of(1), 1))

    assert change.run is None
    assert state.visitors[run_of(1).run_id].result is not None


def test_reclassified_run_moves_from_one_class_to_the_other() -> None:
    state = state_of_noon()
    state.apply(event("received", run_of(1)))
    state.apply(event("classified", run_of(1, "lepi"), 1))

    state.apply(event("queued", run_of(1, "lepi", status=RunStatus.QUEUED), 2))
    assert counts(state)[2]["lepi"] == 1, "what waits to be classified anew is still what it was"
    state.apply(event("classified", run_of(1, "none_dirt"), 3))

    assert counts(state) == (7, 5, {"bee": 5, "none_dirt": 1, "none_shadow": 1})


def test_run_that_may_have_been_counted_makes_its_day_doubted() -> None:
    state = state_of_noon()

    change = state.apply(event("classified", run_of(1, "lepi")))

    assert state.doubted == {DAY}
    assert not change.counts
    assert counts(state)[:2] == (6, 5)


def test_run_without_a_name_is_no_reason_to_doubt() -> None:
    state = state_of_noon()

    state.apply(event("queued", run_of(1)))

    assert not state.doubted


def test_new_stream_knows_no_visitors_and_no_shares_until_all_is_read() -> None:
    state = state_of_noon()
    state.apply(event("received", run_of(1)))
    state.apply(event("classified", run_of(1, "lepi"), 1))

    state.start_anew()

    assert not state.gallery()
    state.apply(event("classified", run_of(1, "bee"), 5))
    assert state.doubted == {DAY}


def test_gallery_shows_the_latest_arrivals_first() -> None:
    state = state_of_noon()
    for number in (3, 1, 2):
        state.apply(event("received", run_of(number)))
        state.apply(event("classified", run_of(number, "bee"), 9))

    assert [run.tracking_id for run in state.gallery()] == ["3", "2", "1"]


def test_long_queue_does_not_push_named_visitors_out() -> None:
    state = state_of_noon()
    state.apply(event("received", run_of(0)))
    state.apply(event("classified", run_of(0, "lepi"), 1))

    for number in range(1, 100):
        state.apply(event("received", run_of(number)))

    gallery = state.gallery()
    assert len(gallery) == WAITING + 1
    assert gallery[-1].result is not None


def test_gallery_is_bounded() -> None:
    state = state_of_noon()
    for number in range(100):
        state.apply(event("received", run_of(number)))
        state.apply(event("classified", run_of(number, "bee"), 0.5))

    assert len(state.gallery()) == VISITORS
    assert state.gallery()[0].tracking_id == "99"


@pytest.mark.parametrize("end", ["none_shadow", "failed"])
def test_what_is_no_visitor_says_so_once_and_leaves(end: str) -> None:
    state = state_of_noon()
    state.apply(event("received", run_of(1)))

    if end == "failed":
        change = state.apply(event("failed", run_of(1, status=RunStatus.FAILED), 1))
    else:
        change = state.apply(event("classified", run_of(1, end), 1))

    assert change.run is not None
    assert not state.gallery()


def test_imported_runs_count_but_do_not_crawl_over_the_carpet() -> None:
    state = state_of_noon()

    state.apply(event("received", run_of(1, source=RunSource.IMPORT)))
    change = state.apply(event("classified", run_of(1, "bee", source=RunSource.IMPORT), 1))

    assert change.run is None
    assert counts(state)[1] == 6
    assert not state.gallery()


def test_late_upload_counts_on_its_own_day() -> None:
    state = state_of_noon()
    yesterday = DAY - timedelta(days=1)

    state.apply(event("received", run_of(1, local_date=yesterday)))
    state.apply(event("classified", run_of(1, "bee", local_date=yesterday), 1))

    assert counts(state)[:2] == (6, 5)
    assert state.days[yesterday].insects == 1
    assert state.totals() == (7, 6)


def test_today_ends_at_the_cameras_midnight() -> None:
    state = State()
    before, after = datetime(2026, 5, 12, 21, 59, tzinfo=UTC), datetime(2026, 5, 12, 22, 1, tzinfo=UTC)

    assert state.today(before) == date(2026, 5, 12)
    assert state.today(after) == date(2026, 5, 13), "Berlin, while no camera says otherwise"

    zones = ("Pacific/Auckland", "Pacific/Auckland", "Europe/Berlin")
    state.load_cameras(
        Camera(camera_id=f"c{at}", name="x", timezone=zone, created_at=NOON) for at, zone in enumerate(zones)
    )
    assert state.today(datetime(2026, 5, 12, 11, 59, tzinfo=UTC)) == date(2026, 5, 12)
    assert state.today(datetime(2026, 5, 12, 12, 1, tzinfo=UTC)) == date(2026, 5, 13)


def test_unknown_zone_of_a_camera_does_not_stop_the_clock() -> None:
    state = State()
    state.load_cameras([Camera(camera_id="c", name="x", timezone="Mars/Olympus", created_at=NOON)])

    assert state.today(datetime(2026, 5, 12, 12, tzinfo=UTC)) == date(2026, 5, 12)


def test_upload_is_noted_at_its_camera_and_not_forgotten_by_an_older_list() -> None:
    state = state_of_noon()

    change = state.apply(event("received", run_of(5)))
    state.load_cameras([Camera(camera_id="garten", name="Garten", created_at=NOON)])

    assert change.cameras
    assert state.cameras["garten"].last_upload_at == run_of(5).received_at


def test_camera_that_nobody_knows_yet_is_asked_for() -> None:
    state = State()

    state.apply(event("received", run_of(1)))

    assert state.unknown_camera


def test_surest_run_is_the_face_of_its_class() -> None:
    state = state_of_noon()
    for number, probability in ((1, 0.5), (2, 0.99), (3, 0.7)):
        run = run_of(number, "bee")
        assert run.result is not None
        result = run.result.model_copy(update={"probability_weighted": probability})
        state.apply(event("received", run_of(number)))
        state.apply(event("classified", run.model_copy(update={"result": result}), 1))

    face = state.portrait(DAY, "bee")
    assert face is not None
    assert face.tracking_id == "2"


def arrives(state: State, number: int, label: str, **changes: object) -> Novelty | None:
    state.apply(event("received", run_of(number)))
    state.apply(event("classified", run_of(number, label, **changes), 1))
    return state.remarkable.get(f"{number:032x}")


def test_first_of_its_class_is_remarkable_and_the_second_is_not() -> None:
    state = state_of_noon()

    assert arrives(state, 1, "lepi") is Novelty.FIRST_EVER
    assert arrives(state, 2, "lepi") is None
    assert arrives(state, 3, "bee") is None
    assert arrives(state, 4, "none_bird") is None, "a false alarm is no guest"


def test_imported_run_is_no_news() -> None:
    state = state_of_noon()

    assert arrives(state, 1, "lepi", source=RunSource.IMPORT) is None


def test_first_of_today_and_of_the_year() -> None:
    state = state_of_noon()
    yesterday, last_year = DAY - timedelta(days=1), DAY.replace(year=DAY.year - 1)
    state.load_records(
        [
            Sighting(label="ant", is_insect=True, runs=90, first_day=last_year, last_day=yesterday),
            Sighting(label="wasp", is_insect=True, runs=90, first_day=last_year, last_day=last_year),
        ]
    )

    assert arrives(state, 1, "ant") is Novelty.FIRST_TODAY
    assert arrives(state, 2, "wasp") is Novelty.FIRST_SEASON


@pytest.mark.parametrize(
    ("runs", "insects", "novelty"), [(9, 1000, Novelty.RARE), (10, 1000, None), (1, 299, None), (2, 300, Novelty.RARE)]
)
def test_rare_is_less_than_one_in_a_hundred_where_enough_were_counted(
    runs: int, insects: int, novelty: Novelty | None
) -> None:
    assert judge(Record(runs, DAY, DAY), insects, 1, DAY) is novelty
