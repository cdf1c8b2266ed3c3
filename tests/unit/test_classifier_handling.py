"""What happens to a job: every way it can end, decided without a broker and settled in one place."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from proto.classification import Certainty, Classification, RunResult
from proto.errors import ModelNotFound, Unavailable
from proto.job import JOB_TYPE, JOB_VERSION, VERSION_HEADER, ClassifyJob, JobImage, JobPurpose
from proto.run import RunStatus
from services.chassis.ledger import RunState
from services.chassis.topology import DELIVERY_LIMIT
from services.classifier.aggregate import NoReadableImage
from services.classifier.handling import Decision, Handler, Outcome
from services.classifier.network import ModelIdentity
from services.classifier.pipeline import ModelCrashed
from services.classifier.settlement import Settlement
from services.classifier.turns import Gate, Quarantine, Turns

RUN = "b" * 32
NOW = datetime(2024, 5, 15, 8, 0, tzinfo=UTC)


def job(**changes: Any) -> ClassifyJob:
    image = JobImage(sha256="0" * 64, object_key="runs/x")
    given: dict[str, Any] = {"run_id": RUN, "camera_id": "garden", "images": (image,), "published_at": NOW, **changes}
    return ClassifyJob(**given)


def result() -> RunResult:
    return RunResult(
        model_id="m@1",
        label="bee",
        is_insect=True,
        certainty=Certainty.SURE,
        top1_images=1,
        images=1,
        probability_mean=0.9,
        probability_weighted=0.9,
        classified_at=NOW,
    )


class FakeDelivery:
    """A delivery that writes down how it was ended."""

    def __init__(self, body: ClassifyJob | bytes, *, version: int = JOB_VERSION, count: int = 0) -> None:
        self.body = body if isinstance(body, bytes) else body.model_dump_json().encode()
        self.message_type = JOB_TYPE
        self.headers = {VERSION_HEADER: version}
        self.message_id = "id"
        self.redelivered = count > 0
        self.delivery_count = count
        self.ends: list[str] = []

    async def ack(self) -> None:
        self.ends.append("ack")

    async def park(self) -> None:
        self.ends.append("park")

    async def requeue(self) -> None:
        self.ends.append("requeue")


class FakePipeline:
    """Answers as told; counts."""

    identity = ModelIdentity("m", "1", "0" * 64, "fake")

    def __init__(self, answer: Callable[[ClassifyJob], Awaitable[Classification]] | Exception | None = None) -> None:
        self.answer = answer
        self.calls = 0

    async def classify(self, job: ClassifyJob) -> Classification:
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return await self.answer(job)
        return Classification(run_id=job.run_id, model_id=self.identity.model_id, result=result(), images=())


class FakeEngine:
    """One model; live and background runs go through the same fake pipeline."""

    def __init__(self, pipeline: FakePipeline) -> None:
        self.identity = pipeline.identity
        self.live = self.background = pipeline


class FakeShelf:
    """Has the model m@1 in use, and other@1 for whoever asks for it."""

    def __init__(self, pipeline: FakePipeline) -> None:
        self.current = FakeEngine(pipeline)

    @asynccontextmanager
    async def use(self, model_id: str | None) -> AsyncIterator[FakeEngine]:
        if model_id == "other@1":
            other = FakePipeline(self.current.live.answer)
            other.identity = ModelIdentity("other", "1", "1" * 64, "fake")
            yield FakeEngine(other)
        elif model_id in (None, "m@1"):
            yield self.current
        else:
            raise ModelNotFound(f"No model is registered as {model_id!r}.")


class FakeDatabase:
    """Runs and ledger in one: the state of one run, and what models said of it."""

    def __init__(self, state: RunState | None = RunState(RunStatus.QUEUED, None), *, away: bool = False) -> None:
        self.run = state
        self.away = away
        self.completed: list[Classification] = []
        self.kept: dict[str, Classification] = {}
        self.failed: list[str] = []

    async def state(self, run_id: str) -> RunState | None:
        if self.away:
            raise Unavailable("The database is away.")
        return self.run

    async def complete(self, classification: Classification) -> bool:
        if self.away:
            raise Unavailable("The database is away.")
        self.completed.append(classification)
        known = self.run is not None
        self.run = RunState(RunStatus.CLASSIFIED, classification.model_id) if known else None
        return known

    async def classification(self, run_id: str, model_id: str) -> Classification | None:
        return self.kept.get(model_id)

    async def keep(self, classification: Classification) -> bool:
        self.kept[classification.model_id] = classification
        return self.run is not None

    async def fail(self, run_id: str, reason: str) -> bool:
        if self.away:
            raise Unavailable("The database is away.")
        self.failed.append(reason)
        return True


class FakeBroker:
    """Keeps what is to be tried later."""

    retry_delays_s = (5.0, 30.0, 300.0)

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.later: list[tuple[float, ClassifyJob]] = []

    async def retry_later(self, delivery: Any, queue: str, attempt: int, job: ClassifyJob) -> float:
        if self.away:
            raise Unavailable("The broker is away.")
        self.later.append((self.retry_delays_s[attempt], job.model_copy(update={"attempt": attempt + 1})))
        return self.retry_delays_s[attempt]


def handler(database: FakeDatabase, pipeline: FakePipeline, timeout_s: float = 10) -> Handler:
    return Handler(database, database, FakeShelf(pipeline), job_timeout_s=timeout_s)  # type: ignore[arg-type]


async def see_through(
    delivery: FakeDelivery, database: FakeDatabase, pipeline: FakePipeline, broker: FakeBroker | None = None
) -> tuple[Decision, Outcome]:
    """Decide and settle, as the consumer does."""
    decision = await handler(database, pipeline).decide(delivery)  # type: ignore[arg-type]
    settlement = Settlement(broker or FakeBroker(), "krabbel.classify")  # type: ignore[arg-type]
    return decision, await settlement.settle(delivery, decision)  # type: ignore[arg-type]


async def test_run_is_classified_stored_and_then_acked() -> None:
    delivery, database = FakeDelivery(job()), FakeDatabase()
    decision, outcome = await see_through(delivery, database, FakePipeline())
    assert (outcome, decision.label) == (Outcome.CLASSIFIED, "bee")
    assert [done.run_id for done in database.completed] == [RUN]
    assert delivery.ends == ["ack"]


async def test_job_that_comes_again_costs_no_work() -> None:
    pipeline, delivery = FakePipeline(), FakeDelivery(job(), count=1)
    database = FakeDatabase(RunState(RunStatus.CLASSIFIED, "m@1"))
    _, outcome = await see_through(delivery, database, pipeline)
    assert (outcome, pipeline.calls, delivery.ends) == (Outcome.DUPLICATE, 0, ["ack"])


async def test_run_classified_by_another_model_is_classified_again() -> None:
    pipeline = FakePipeline()
    database = FakeDatabase(RunState(RunStatus.CLASSIFIED, "old@1"))
    _, outcome = await see_through(FakeDelivery(job()), database, pipeline)
    assert (outcome, pipeline.calls) == (Outcome.CLASSIFIED, 1)


async def test_replayed_run_whose_status_is_queued_again_is_classified_again() -> None:
    pipeline = FakePipeline()
    database = FakeDatabase(RunState(RunStatus.QUEUED, "m@1"))
    _, outcome = await see_through(FakeDelivery(job(purpose=JobPurpose.REPLAY)), database, pipeline)
    assert (outcome, pipeline.calls) == (Outcome.CLASSIFIED, 1)


async def test_job_of_a_run_that_is_gone_is_acked() -> None:
    delivery = FakeDelivery(job())
    _, outcome = await see_through(delivery, FakeDatabase(None), FakePipeline())
    assert (outcome, delivery.ends) == (Outcome.GONE, ["ack"])


@pytest.mark.parametrize(
    ("attempt", "delay", "following"), [(0, 5, 1), (1, 30, 2), (2, 300, 3), (3, 300, 3), (9, 300, 3)]
)
async def test_transient_trouble_is_retried_later_and_the_last_delay_repeats(
    attempt: int, delay: float, following: int
) -> None:
    delivery, database, broker = FakeDelivery(job(attempt=attempt)), FakeDatabase(), FakeBroker()
    pipeline = FakePipeline(Unavailable("The store is away."))
    decision, outcome = await see_through(delivery, database, pipeline, broker)
    assert (outcome, decision.reason, delivery.ends) == (Outcome.RETRY, "The store is away.", ["ack"])
    assert [(seconds, later.attempt) for seconds, later in broker.later] == [(delay, following)]
    assert database.failed == []


async def test_database_that_is_away_is_transient_too() -> None:
    broker = FakeBroker()
    _, outcome = await see_through(FakeDelivery(job()), FakeDatabase(away=True), FakePipeline(), broker)
    assert (outcome, len(broker.later)) == (Outcome.RETRY, 1)


async def test_job_is_given_back_where_its_retry_cannot_be_published() -> None:
    delivery = FakeDelivery(job())
    pipeline = FakePipeline(Unavailable("away"))
    _, outcome = await see_through(delivery, FakeDatabase(), pipeline, FakeBroker(away=True))
    assert (outcome, delivery.ends) == (Outcome.REQUEUED, ["requeue"])


@pytest.mark.parametrize(
    "delivery",
    [FakeDelivery(job(), version=2), FakeDelivery(b"{}"), FakeDelivery(b"\xff\xfe"), FakeDelivery(b'{"run_id": "x"}')],
    ids=["newer version", "empty", "no JSON", "no job"],
)
async def test_unreadable_messages_are_parked_and_change_nothing(delivery: FakeDelivery) -> None:
    database, pipeline = FakeDatabase(), FakePipeline()
    decision, outcome = await see_through(delivery, database, pipeline)
    assert (outcome, delivery.ends[-1]) == (Outcome.PARKED, "park")
    assert decision.reason
    assert (pipeline.calls, database.failed) == (0, [])


async def test_run_without_readable_images_fails_with_the_reason_and_is_parked() -> None:
    delivery, database = FakeDelivery(job()), FakeDatabase()
    _, outcome = await see_through(delivery, database, FakePipeline(NoReadableImage("None can be read.")))
    assert (outcome, delivery.ends, database.failed) == (Outcome.PARKED, ["park"], ["None can be read."])


@pytest.mark.parametrize("error", [ModelCrashed("The model fails on it."), ValueError("a bug")])
async def test_crash_is_tried_again_up_to_the_limit_then_parked(error: Exception) -> None:
    database, ends = FakeDatabase(), []
    for count in range(DELIVERY_LIMIT):
        delivery = FakeDelivery(job(), count=count)
        await see_through(delivery, database, FakePipeline(error))
        ends += delivery.ends
    assert ends == ["requeue"] * (DELIVERY_LIMIT - 1) + ["park"]
    assert len(database.failed) == 1
    assert str(error) in database.failed[0]


async def test_job_that_lost_its_workers_is_not_tried_once_more() -> None:
    pipeline, delivery, database = FakePipeline(), FakeDelivery(job(), count=DELIVERY_LIMIT), FakeDatabase()
    _, outcome = await see_through(delivery, database, pipeline)
    assert (outcome, pipeline.calls, delivery.ends) == (Outcome.PARKED, 0, ["park"])
    assert "its worker was lost" in database.failed[0]


async def test_reason_that_cannot_be_written_is_written_later() -> None:
    broker = FakeBroker()
    database = FakeDatabase(away=True)
    delivery = FakeDelivery(job(), count=DELIVERY_LIMIT)
    _, outcome = await see_through(delivery, database, FakePipeline(), broker)
    assert (outcome, len(broker.later)) == (Outcome.RETRY, 1)


async def test_job_that_takes_too_long_is_given_back() -> None:
    async def forever(_: ClassifyJob) -> Classification:
        await asyncio.Event().wait()
        raise AssertionError

    decision = await handler(FakeDatabase(), FakePipeline(forever), 0.01).decide(FakeDelivery(job()))  # type: ignore[arg-type]
    assert (decision.outcome, decision.reason) == (Outcome.REQUEUED, "It took too long.")


async def test_redelivery_waits_for_the_earlier_try_and_finds_it_done() -> None:
    database, entered, release = FakeDatabase(), asyncio.Event(), asyncio.Event()

    async def slow(job: ClassifyJob) -> Classification:
        entered.set()
        await release.wait()
        return Classification(run_id=job.run_id, model_id="m@1", result=result(), images=())

    worker = handler(database, FakePipeline(slow))
    first = asyncio.create_task(worker.decide(FakeDelivery(job())))  # type: ignore[arg-type]
    await entered.wait()
    second = asyncio.create_task(worker.decide(FakeDelivery(job(), count=1)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    release.set()
    assert [(await task).outcome for task in (first, second)] == [Outcome.CLASSIFIED, Outcome.DUPLICATE]
    assert len(database.completed) == 1


async def test_turns_leave_nothing_behind_even_when_cancelled() -> None:
    turns = Turns()
    async with turns.turn("a"):
        waiting = asyncio.create_task(turns.turn("a").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert turns._locks == {}


# -- reclassification ------------------------------------------------------------------------------------------------


def again(model_id: str | None) -> FakeDelivery:
    return FakeDelivery(job(purpose=JobPurpose.RECLASSIFY, model_id=model_id))


OLD_RESULT = RunState(RunStatus.CLASSIFIED, "old@1")


async def test_reclassification_by_the_model_in_use_becomes_the_runs_result() -> None:
    database = FakeDatabase(OLD_RESULT)
    _, outcome = await see_through(again("m@1"), database, FakePipeline())
    assert (outcome, len(database.completed), database.kept) == (Outcome.CLASSIFIED, 1, {})


async def test_reclassification_by_another_model_is_kept_beside_the_runs_result() -> None:
    database = FakeDatabase(OLD_RESULT)
    _, outcome = await see_through(again("other@1"), database, FakePipeline())
    assert (outcome, database.completed, list(database.kept)) == (Outcome.CLASSIFIED, [], ["other@1"])
    assert database.run == OLD_RESULT


async def test_what_a_model_said_before_is_adopted_without_work_once_it_is_in_use() -> None:
    database, pipeline = FakeDatabase(OLD_RESULT), FakePipeline()
    database.kept["m@1"] = Classification(run_id=RUN, model_id="m@1", result=result(), images=())
    _, outcome = await see_through(again("m@1"), database, pipeline)
    assert (outcome, pipeline.calls, len(database.completed)) == (Outcome.CLASSIFIED, 0, 1)


async def test_reclassification_that_comes_again_costs_no_work() -> None:
    database, pipeline = FakeDatabase(OLD_RESULT), FakePipeline()
    await see_through(again("other@1"), database, pipeline)
    _, outcome = await see_through(again("other@1"), database, pipeline)
    assert outcome is Outcome.DUPLICATE


async def test_job_for_a_model_that_nobody_knows_is_parked_with_the_reason() -> None:
    delivery, database = again("lost@7"), FakeDatabase()
    _, outcome = await see_through(delivery, database, FakePipeline())
    assert (outcome, delivery.ends) == (Outcome.PARKED, ["park"])
    assert "lost@7" in database.failed[0]


async def test_background_work_waits_until_no_live_work_is_in_hand() -> None:
    gate = Gate()
    with gate.live():
        with gate.live():
            waiting = asyncio.create_task(gate.wait_idle(60))
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 5)


async def test_background_work_begins_at_last_even_if_live_work_never_ceases() -> None:
    gate = Gate()
    with gate.live():
        await asyncio.wait_for(gate.wait_idle(0.01), 5)


async def test_suspect_works_alone_and_nobody_begins_before_it_is_done() -> None:
    quarantine, order = Quarantine(), list[str]()
    release = asyncio.Event()

    async def work(name: str, *, alone: bool, until: asyncio.Event | None = None) -> None:
        async with quarantine.enter(alone=alone):
            order.append(f"{name} begins")
            if until is not None:
                await until.wait()
            order.append(f"{name} ends")

    async with asyncio.TaskGroup() as group:
        group.create_task(work("one", alone=False, until=release))
        group.create_task(work("two", alone=False, until=release))
        await asyncio.sleep(0)
        group.create_task(work("suspect", alone=True))
        await asyncio.sleep(0)
        group.create_task(work("three", alone=False))
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == ["one begins", "two begins"]
        release.set()
    assert order[2:] == ["one ends", "two ends", "suspect begins", "suspect ends", "three begins", "three ends"]
