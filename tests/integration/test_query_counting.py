"""A run is counted once, whatever happens: delivered twice, reclassified, replayed, by many workers at once."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator

import pytest

from proto.classification import Certainty
from services.chassis.database import Database, open_database
from services.chassis.rollup_rebuild import Rebuild
from services.chassis.rollups import Rollups
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from tests.support.seeds import START, a_run, a_verdict

pytestmark = pytest.mark.stack
DAY = START.date()


@pytest.fixture
async def database(backends) -> AsyncIterator[Database]:
    settings = BackendSettings(
        mongo_url=backends.env["KRABBEL_MONGO_URL"], mongo_database=f"counting_{uuid.uuid4().hex[:8]}"
    )
    async with open_database(settings) as database:
        await database.ensure_indexes()
        yield database
        await database.client.drop_database(settings.mongo_database)


async def counts(database: Database, camera: str = "garden-1") -> dict[str, int]:
    return dict((await Rollups(database).day(DAY, (camera,), ("runs",))).runs)


async def test_a_verdict_delivered_twice_counts_once(database: Database):
    runs, run = Runs(database), a_run(1)
    await runs.receive(run)
    for _ in range(3):
        assert await runs.complete(a_verdict(run))
    assert await counts(database) == {"bee": 1}
    assert await Rollups(database).compare() == []


async def test_a_verdict_delivered_twice_changes_nothing_in_the_run(database: Database):
    runs, run = Runs(database), a_run(1)
    await runs.receive(run)
    await runs.complete(a_verdict(run))
    before = await runs.get(run.run_id)
    await runs.complete(a_verdict(run, at=START.replace(year=2027)))
    assert await runs.get(run.run_id) == before


async def test_a_reclassified_run_moves_to_its_new_class(database: Database):
    runs, run = Runs(database), a_run(1)
    await runs.receive(run)
    await runs.complete(a_verdict(run, "bee"))
    await runs.requeue(run.run_id)
    assert await counts(database) == {"bee": 1}, "the old result stands till the new"
    await runs.complete(a_verdict(run, "fly", model="better@2", certainty=Certainty.UNCLEAR))
    assert await counts(database) == {"fly": 1}
    assert await Rollups(database).compare() == []


async def test_a_failed_run_that_is_replayed_counts_once(database: Database):
    runs, run = Runs(database), a_run(1)
    await runs.receive(run)
    await runs.fail(run.run_id, "no readable image")
    assert await counts(database) == {}
    await runs.requeue(run.run_id)
    await runs.complete(a_verdict(run))
    assert await counts(database) == {"bee": 1}


async def test_a_verdict_on_a_deleted_run_counts_nothing(database: Database):
    assert await Runs(database).complete(a_verdict(a_run(1))) is False
    assert await counts(database) == {}
    assert await database.classifications.count_documents({}) == 0


async def test_one_bad_verdict_fails_alone(database: Database):
    runs, made = Runs(database), [a_run(number) for number in range(6)]
    for run in made:
        await runs.receive(run)
    verdicts = [a_verdict(run) for run in made]
    # Given one that the database cannot take: a document larger than 16 MB
    verdicts[2] = verdicts[2].model_copy(update={"model_id": "x" * 17_000_000})
    answers = await asyncio.gather(*(runs.complete(verdict) for verdict in verdicts), return_exceptions=True)
    assert [answer is True for answer in answers] == [True, True, False, True, True, True]
    assert await counts(database) == {"bee": 5}


async def test_many_workers_and_every_job_three_times_count_each_run_once(database: Database):
    made = [a_run(number, camera=f"camera-{number % 3}") for number in range(240)]
    await asyncio.gather(*(Runs(database).receive(run) for run in made))
    workers = [Runs(database) for _ in range(6)]
    chance = random.Random(7)
    final = {run.run_id: chance.choice(("bee", "fly", "none_bg")) for run in made}

    async def one(worker: Runs, run, label: str) -> None:
        await worker.complete(a_verdict(run, label))

    # When first wrong verdicts and then the final ones come, shuffled, each several times, to different workers
    for labels in ({run.run_id: chance.choice(("ant", "wasp")) for run in made}, final):
        jobs = [(chance.choice(workers), run, labels[run.run_id]) for run in made for _ in range(3)]
        chance.shuffle(jobs)
        await asyncio.gather(*(one(*job) for job in jobs))

    # Then each run counts once, as what it is in the end
    assert await Rollups(database).compare() == []
    tally = await Rollups(database).day(DAY, (), ("runs",))
    assert sum(tally.runs.values()) == 240
    for label in ("bee", "fly", "none_bg"):
        assert tally.runs[label] == sum(value == label for value in final.values())


async def test_numbers_that_are_wrong_are_found_and_counted_anew(database: Database):
    runs = Runs(database)
    made = [a_run(number, camera=f"camera-{number % 2}") for number in range(30)]
    for run in made:
        await runs.receive(run)
        await runs.complete(a_verdict(run))
    # Given cells that somebody damaged, a run that was never counted, and a camera's month that is gone
    await database.rollups.update_one({"camera_id": "camera-0", "period": "2026-07"}, {"$inc": {"runs.bee": 5}})
    await database.runs.update_one({"_id": made[3].run_id}, {"$set": {"counted": None}})
    await database.rollups.delete_many({"camera_id": "camera-1"})
    assert await Rollups(database).compare()
    rebuilt = [month async for month in Rebuild(database).all()]
    assert sum(month.corrected for month in rebuilt) == 1
    assert await Rollups(database).compare() == []
    # and the corrected run is taken away as what it is counted as
    await runs.complete(a_verdict(made[3], "fly", model="m@2"))
    assert await Rollups(database).compare() == []


async def test_counting_anew_while_workers_work_loses_nothing(database: Database):
    made = [a_run(number, camera=f"camera-{number % 2}") for number in range(400)]
    await database.runs.insert_many([_document(run) for run in made])
    workers = [Runs(database) for _ in range(3)]
    done = asyncio.Event()

    async def work(worker: Runs, share) -> None:
        for start in range(0, len(share), 8):
            await asyncio.gather(*(worker.complete(a_verdict(run)) for run in share[start : start + 8]))
            await asyncio.gather(
                *(worker.complete(a_verdict(run, "fly", model="m@2")) for run in share[start : start + 4])
            )

    async def rebuild() -> int:
        times = 0
        while not done.is_set():
            async for _ in Rebuild(database).all():
                pass
            times += 1
        return times

    rebuilding = asyncio.create_task(rebuild())
    await asyncio.gather(*(work(worker, made[index::3]) for index, worker in enumerate(workers)))
    done.set()
    assert await rebuilding >= 1
    assert await Rollups(database).compare() == []


def _document(run):
    from services.chassis.runs import to_document

    return to_document(run)


async def test_runs_by_status_are_exact_while_some_are_classified_again(database: Database):
    runs, made = Runs(database), [a_run(number) for number in range(7)]
    for run in made:
        await runs.receive(run)
    for run in made[:4]:
        await runs.complete(a_verdict(run))
    await runs.requeue(made[0].run_id)
    await runs.mark_queued(made[4].run_id)
    await runs.fail(made[5].run_id, "no picture could be read")
    assert await runs.count_by_status() == {"received": 1, "queued": 2, "classified": 3, "failed": 1}
    await runs.complete(a_verdict(made[0], "fly"))
    assert await runs.count_by_status() == {"received": 1, "queued": 1, "classified": 4, "failed": 1}
