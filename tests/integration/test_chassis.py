"""The three outside servers, through the modules that know them."""

import asyncio
import os
import uuid
from datetime import UTC, datetime

import pytest

from proto.classification import Certainty, Classification, ImageClassification, RunResult
from proto.errors import RunNotFound, Unavailable
from proto.job import ClassifyJob, JobImage, decode_job
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun
from services.chassis import topology
from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.object_pull import open_object_pull
from services.chassis.object_store import ObjectNotFound, open_object_store
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings

pytestmark = pytest.mark.stack
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(backends) -> BackendSettings:
    return BackendSettings.from_env(backends.env).model_copy(update={"mongo_database": f"test_{uuid.uuid4().hex[:8]}"})


def a_run() -> TrackingRun:
    sha256 = os.urandom(32).hex()
    return TrackingRun(
        run_id=uuid.uuid4().hex,
        camera_id="garden",
        tracking_id="17",
        source=RunSource.API,
        started_at=NOW,
        ended_at=NOW,
        duration_s=0,
        received_at=NOW,
        sort_at=NOW,
        local_date=NOW.date(),
        local_hour=14,
        images=(
            ImageReference(
                sha256=sha256,
                object_key=f"runs/x/{sha256}.jpg",
                file_name="a.jpg",
                content_type="image/jpeg",
                byte_size=1,
                width=1,
                height=1,
            ),
        ),
    )


def a_classification(run: TrackingRun, label: str = "ant") -> Classification:
    result = RunResult(
        model_id="demo@1",
        label=label,
        is_insect=True,
        certainty=Certainty.SURE,
        top1_images=1,
        images=1,
        probability_mean=0.9,
        probability_weighted=0.9,
        classified_at=NOW,
    )
    images = (ImageClassification(sha256=run.images[0].sha256),)
    return Classification(run_id=run.run_id, model_id="demo@1", result=result, images=images)


def a_job() -> ClassifyJob:
    image = JobImage(sha256="a" * 64, object_key="k")
    return ClassifyJob(run_id=uuid.uuid4().hex, camera_id="garden", images=(image,), published_at=datetime.now(UTC))


async def test_objects_come_back_as_they_were_stored(settings):
    async with open_object_store(settings) as store:
        await store.ensure_bucket()
        key, data = f"runs/{uuid.uuid4().hex}/a.jpg", os.urandom(12_000)
        await store.put(key, data, "image/jpeg")
        await store.put(key, data, "image/jpeg")
        assert await store.get(key) == data
        assert [item.key for item in await store.list(key.rpartition("/")[0])] == [key]
        await store.remove([key, "runs/never/was.jpg"])
        assert not await store.exists(key)
        with pytest.raises(ObjectNotFound, match=key):
            await store.get(key)


async def test_objects_are_got_in_threads_as_on_the_loop(settings):
    keys = [f"runs/{uuid.uuid4().hex}/{name}" for name in ("a.jpg", "Blume & Käfer +1 (2)~.jpg")]
    async with open_object_store(settings) as store:
        await store.ensure_bucket()
        data = os.urandom(300_000)
        for key in keys:
            await store.put(key, data, "image/jpeg")
        with open_object_pull(settings) as pull:
            assert await asyncio.gather(*(asyncio.to_thread(pull.get, key) for key in keys * 4)) == [data] * 8
            with pytest.raises(ObjectNotFound, match="never"):
                await asyncio.to_thread(pull.get, "runs/never/was.jpg")


async def test_a_run_moves_only_along_its_state_machine(settings):
    async with open_database(settings) as database:
        runs, run = Runs(database), a_run()
        with pytest.raises(RunNotFound):
            await runs.get(run.run_id)
        assert await runs.receive(run)
        assert not await runs.receive(run), "the second upload changes nothing"
        others = [a_run(), a_run()]
        assert await asyncio.gather(*(runs.receive(each) for each in (*others, run, others[0]))) == [
            *(True, True),
            *(False, False),
        ]
        assert await asyncio.gather(*(runs.mark_queued(each.run_id) for each in others)) == [True, True]
        assert await asyncio.gather(*(runs.mark_queued(each.run_id) for each in (run, others[0]))) == [True, False]
        assert not await runs.mark_queued(run.run_id)
        assert await runs.complete(a_classification(run))
        assert not await runs.mark_queued(run.run_id), "a late confirmation does not throw a classified run back"
        assert not await runs.fail(run.run_id, "too late"), "a classified run does not fail"
        stored = await runs.get(run.run_id)
        assert stored.status is RunStatus.CLASSIFIED
        assert stored.result is not None
        assert stored.result.label == "ant"
        assert await runs.requeue(run.run_id)
        assert await runs.fail(run.run_id, "no image can be read")
        assert (await runs.get(run.run_id)).status_reason == "no image can be read"
        await database.client.drop_database(database.handle.name)


async def test_a_doubly_delivered_result_leaves_one_classification(settings):
    async with open_database(settings) as database:
        runs, run = Runs(database), a_run()
        await runs.receive(run)
        await asyncio.gather(*(runs.complete(a_classification(run)) for _ in range(8)))
        assert await database.classifications.count_documents({"run_id": run.run_id}) == 1
        assert (await runs.count_by_status())["classified"] == 1
        await database.client.drop_database(database.handle.name)


async def test_a_confirmed_job_is_delivered_as_it_was_published(settings):
    async with open_broker(settings) as broker, broker.consumer(topology.RECLASSIFY, 5) as consumer:
        job = a_job()
        await broker.publish(job, topology.RECLASSIFY)
        delivery = await asyncio.wait_for(anext(consumer), 10)
        assert decode_job(delivery.body, delivery.message_type, delivery.headers) == job
        await delivery.ack()


async def test_an_unroutable_job_is_an_error_and_not_a_silent_loss(settings):
    async with open_broker(settings) as broker:
        with pytest.raises(Unavailable):
            await broker.publish(a_job(), "queue.that.nobody.declared")


async def test_publishers_that_lost_one_connection_do_not_end_each_others_new_one(settings):
    async with open_broker(settings) as broker:
        lost = await broker._ready()
        await broker._drop(lost)
        new = await broker._ready()

        await broker._drop(lost)  # a second publisher, whose turn comes after the first one has connected

        assert await broker._ready() is new is not lost


async def test_a_later_try_comes_back_after_its_delay_with_its_count(settings):
    async with open_broker(settings, retry_delays_s=(0.3,)) as broker:
        async with broker.consumer(topology.RECLASSIFY, 5) as consumer:
            await broker.publish(job := a_job(), topology.RECLASSIFY)
            delivery = await asyncio.wait_for(anext(consumer), 10)
            assert await broker.retry_later(delivery, topology.RECLASSIFY, job.attempt, job) == 0.3
            await delivery.ack()
            again = await asyncio.wait_for(anext(consumer), 10)
            later = decode_job(again.body, again.message_type, again.headers)
            assert (later.run_id, later.attempt) == (job.run_id, 1)
            assert await broker.retry_later(again, topology.RECLASSIFY, later.attempt, later) is None
            await again.ack()


async def test_a_parked_message_waits_in_the_parking_queue(settings):
    async with open_broker(settings) as broker:
        before = await broker.depth(topology.PARKED)
        async with broker.consumer(topology.RECLASSIFY, 1) as consumer:
            await broker.publish(a_job(), topology.RECLASSIFY)
            await (await asyncio.wait_for(anext(consumer), 10)).park()
            async with asyncio.timeout(10):
                while await broker.depth(topology.PARKED) == before:
                    await asyncio.sleep(0.05)


async def test_everything_says_unavailable_while_the_servers_are_away():
    nowhere = BackendSettings(
        amqp_url="amqp://guest:guest@127.0.0.1:9/",
        mongo_url="mongodb://127.0.0.1:9/?replicaSet=x",
        s3_endpoint="http://127.0.0.1:9",
    )
    async with open_object_store(nowhere) as store, open_database(nowhere, timeout_s=0.5) as database:
        async with open_broker(nowhere) as broker:
            for call in (store.ping, database.ping, broker.ping, Runs(database).count_by_status):
                with pytest.raises(Unavailable):
                    await call()
