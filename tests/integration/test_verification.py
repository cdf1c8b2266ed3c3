"""People's words on real servers: through the gateway, in statistics, lists and the live stream, and beside workers."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from krabbel.client import QueryClient
from proto.camera import Scope
from proto.errors import BadRequest, NotAllowed, UnknownLabel
from proto.run import TrackingRun
from proto.verification import VerificationItem
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.rollup_rebuild import Rebuild
from services.chassis.rollups import Rollups
from services.chassis.runs import Runs, from_document
from services.chassis.settings import BackendSettings
from services.chassis.verifications import SPOKEN, Verifications, store_labels
from tests.support.ingest_process import IngestProcess
from tests.support.seeds import START, a_run, a_verdict

pytestmark = pytest.mark.stack
DAY = START.date()


@pytest.fixture
async def database(backends) -> AsyncIterator[Database]:
    settings = BackendSettings(
        mongo_url=backends.env["KRABBEL_MONGO_URL"], mongo_database=f"verifying_{uuid.uuid4().hex[:8]}"
    )
    async with open_database(settings) as database:
        await database.ensure_indexes()
        yield database
        await database.client.drop_database(settings.mongo_database)


async def stored(database: Database, number: int, label: str | None = "bee", camera: str = "garden-1") -> TrackingRun:
    runs, run = Runs(database), a_run(number, camera=camera)
    await runs.receive(run)
    if label is not None:
        await runs.complete(a_verdict(run, label))
    return run


def word(run: TrackingRun, label: str | None) -> VerificationItem:
    return VerificationItem(run_id=run.run_id, label=label)


async def counts(database: Database) -> dict[str, int]:
    return dict((await Rollups(database).day(DAY, (), ("runs",))).runs)


async def test_a_word_counts_is_kept_through_a_new_model_and_can_be_withdrawn(database: Database):
    people, runs, run = Verifications(database), Runs(database), await stored(database, 1)
    (answer,) = await people.decide([word(run, "fly")], "Maja")
    assert answer.outcome == "verified"
    assert answer.verification == (await runs.get(run.run_id)).verification
    assert await counts(database) == {"fly": 1}
    (again,) = await people.decide([word(run, "fly")], "Maja")
    assert again.outcome == "unchanged"
    await runs.requeue(run.run_id)
    await runs.complete(a_verdict(run, "wasp", model="better@2"))
    assert await counts(database) == {"fly": 1}
    await people.decide([word(run, None)], "Willi")
    assert await counts(database) == {"wasp": 1}
    assert await Rollups(database).compare() == []
    history = await people.history(run.run_id)
    assert [(entry.verdict.value, entry.verified_by, entry.machine_label) for entry in history] == [
        ("withdrawn", "Willi", "wasp"),
        ("corrected", "Maja", "bee"),
    ]


async def test_an_unknown_class_among_many_changes_none(database: Database):
    first, second = await stored(database, 1), await stored(database, 2)
    with pytest.raises(UnknownLabel):
        await Verifications(database).decide([word(first, "fly"), word(second, "dragon")], "Maja")
    assert await counts(database) == {"bee": 2}
    assert await database.verifications.count_documents({}) == 0


async def test_people_workers_and_a_recount_at_once_lose_and_double_nothing(database: Database):
    made = [a_run(number, camera=f"camera-{number % 3}") for number in range(90)]
    await asyncio.gather(*(Runs(database).receive(run) for run in made))
    worker = Runs(database)
    await asyncio.gather(*(worker.complete(a_verdict(run)) for run in made))
    chance = random.Random(3)
    final = {run.run_id: chance.choice(("bee", "fly", "none_bg", None)) for run in made}
    done = asyncio.Event()

    async def people() -> None:
        editor = Verifications(database)
        for by, said in (("Willi", dict.fromkeys(final, "ant")), ("Maja", final)):
            for start in range(0, len(made), 15):
                await editor.decide([word(run, said[run.run_id]) for run in made[start : start + 15]], by)

    async def models() -> None:
        reclassifier = Runs(database)
        for run in made:
            await reclassifier.complete(a_verdict(run, "wasp", model="better@2"))

    async def recount() -> None:
        while not done.is_set():
            async for _ in Rebuild(database).all():
                pass

    recounting = asyncio.create_task(recount())
    await asyncio.gather(people(), models())
    done.set()
    await recounting
    assert await Rollups(database).compare() == []
    wanted = [final[run.run_id] or "wasp" for run in made]
    assert await counts(database) == {label: wanted.count(label) for label in set(wanted)}
    for document in await database.runs.find().to_list(None):
        run = from_document(document)
        assert (run.label, run.is_insect) == (document["label"], document["is_insect"])
        assert run.label == (final[run.run_id] or "wasp")


async def test_agreement_is_answered_by_its_index_alone(database: Database):
    for number, label in enumerate(("bee", "bee", "fly", "none_dirt")):
        await Verifications(database).decide([word(await stored(database, number), label)], "Maja")
    await stored(database, 9)
    assert await Verifications(database).agreement({}) == {
        ("bee", "bee"): 2, ("bee", "fly"): 1, ("bee", "none_dirt"): 1,
    }  # fmt: skip
    assert await Verifications(database).agreement({"camera_id": "nobody"}) == {}
    fields = {"_id": 0, "result.label": 1, "verification.label": 1}
    plan = await database.runs.find(SPOKEN, fields).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert plan["executionStats"]["nReturned"] == 4


async def test_documents_from_before_get_the_field_that_lists_ask_for(database: Database):
    run = await stored(database, 1)
    await database.runs.update_one({"_id": run.run_id}, {"$unset": {"label": "", "is_insect": "", "verification": ""}})
    assert await store_labels(database) == 1
    assert await store_labels(database) == 0
    found = await database.runs.find_one({"label": "bee", "is_insect": True})
    assert found is not None


@pytest.fixture(scope="module")
def gateway(backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestProcess]:
    process = IngestProcess(backends.env, Path(tmp_path_factory.mktemp("gateway")))
    process.start()
    yield process
    process.kill()


async def test_the_gateway_takes_words_and_refuses_in_words(gateway: IngestProcess, backends):
    settings = BackendSettings.from_env(backends.env | gateway.env)
    async with open_database(settings) as database:
        made = [await stored(database, number, camera=f"words-{number % 2}") for number in range(4)]
        waiting = await stored(database, 9, None, camera="words-0")
        cameras = Cameras(database)
        editor = await cameras.issue_key(frozenset({Scope.VERIFY}), None, "editor")
        bound = await cameras.issue_key(frozenset({Scope.VERIFY}), "words-0", "editor of one")
        reader = await cameras.issue_key(frozenset({Scope.READ}), None, "reader")
    async with QueryClient(gateway.url, editor) as client:
        answers = await client.verify([word(made[0], "fly"), word(waiting, "fly")], "Maja")
        assert [answer.outcome.value for answer in answers] == ["verified", "not_classified"]
        with pytest.raises(UnknownLabel, match="dragon"):
            await client.verify([word(made[1], "dragon")], "Maja")
        with pytest.raises(BadRequest, match="twice"):
            await client.verify([word(made[1], "bee"), word(made[1], "fly")], "Maja")
    async with QueryClient(gateway.url, bound) as client:
        answers = await client.verify([word(made[1], "fly"), word(made[2], "fly")], "Maja")
        assert [answer.outcome.value for answer in answers] == ["not_found", "verified"], "only its own camera's runs"
    async with QueryClient(gateway.url, reader) as client:
        with pytest.raises(NotAllowed, match="verify"):
            await client.verify([word(made[1], "bee")], "Maja")
    too_many = {"items": [{"run_id": f"{number:032x}", "label": None} for number in range(201)], "by": "Maja"}
    headers = {"Authorization": f"Bearer {editor}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{gateway.url}/api/v1/verifications", json=too_many) as answer,
    ):
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
