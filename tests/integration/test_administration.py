"""What operators do over HTTP, on real servers: written at the gateway, read from query."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from proto.camera import Scope
from proto.run import RunStatus
from services.chassis.broker import Broker, open_broker
from services.chassis.cameras import Cameras, hash_key
from services.chassis.database import Database, open_database
from services.chassis.models import ModelDescription, Models
from services.chassis.reclassification import Reclassifications
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from services.chassis.topology import CLASSIFY, PARKED, RECLASSIFY
from services.ingest.forwarder import job_of
from services.query.app import create_app
from services.query.settings import QuerySettings
from tests.support.classifier_worker import empty_queues
from tests.support.ingest_process import IngestProcess
from tests.support.seeds import a_run, a_verdict

pytestmark = pytest.mark.stack
KEYS = "/api/v1/keys"
DESCRIBED = ModelDescription(
    name="bees", version="1", sha256="0" * 64, format="onnx", byte_size=1, classes=("bee",), image_size=64
)


@pytest.fixture(scope="module")
def gateway(backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestProcess]:
    process = IngestProcess(backends.env, Path(tmp_path_factory.mktemp("gateway")))
    process.start()
    yield process
    process.kill()


@dataclass
class Operator:
    """Asks gateway and query with one key."""

    gateway: IngestProcess
    query: TestClient
    database: Database
    key: str

    async def asks(self, method: str, path: str, body: object = None, key: str | None = None, **more: Any):
        headers = {"Authorization": f"Bearer {key or self.key}", **more}
        async with aiohttp.ClientSession(headers=headers) as session:
            to = self.query.make_url(path) if method == "GET" else self.gateway.url + path
            async with session.request(method, to, json=body) as answer:
                return answer.status, await answer.json(content_type=None)

    async def does(self, method: str, path: str, body: object = None, status: int = 200, **more: Any) -> Any:
        answered, said = await self.asks(method, path, body, **more)
        assert answered == status, said
        return said


@pytest.fixture
def query_amqp_url(backends) -> str:
    return str(backends.embedded.own_settings("query").get("KRABBEL_AMQP_URL", backends.env["KRABBEL_AMQP_URL"]))


@pytest.fixture
async def operator(gateway: IngestProcess, query_amqp_url: str) -> AsyncIterator[Operator]:
    # Query with its own account, which may look at dead letters and do nothing else at the broker
    settings = QuerySettings.from_env({**gateway.env, "KRABBEL_AMQP_URL": query_amqp_url})
    async with open_database(settings) as database, TestClient(TestServer(create_app(settings))) as query:
        key = await Cameras(database).issue_key(frozenset({Scope.ADMIN}), None, "the operator")
        yield Operator(gateway, query, database, key)


async def test_a_key_opens_at_once_and_is_shut_within_five_seconds(operator: Operator):
    await operator.does("POST", "/api/v1/cameras", {"name": "Dachgarten"}, 201)
    wanted = {"name": "Trap on the roof", "scopes": ["upload", "read"], "camera_id": "dachgarten"}
    issued = await operator.does("POST", KEYS, wanted, 201)
    heartbeat = "/api/v1/cameras/dachgarten/heartbeat"
    await operator.does("POST", heartbeat, {"battery_percent": 50}, key=issued["key"])
    await operator.does("GET", "/api/v1/cameras", key=issued["key"])
    (listed,) = [item for item in (await operator.does("GET", KEYS))["items"] if item["id"] == issued["id"]]
    assert listed == {name: value for name, value in issued.items() if name != "key"} | {
        "last_used_at": listed["last_used_at"]
    }
    revoked = await operator.does("DELETE", f"{KEYS}/{issued['id']}")
    assert revoked["revoked_at"] is not None
    assert (await operator.does("DELETE", f"{KEYS}/{issued['id']}"))["revoked_at"] == revoked["revoked_at"]
    deadline = time.monotonic() + 5
    shut: list[int] = []
    while shut != [401, 401]:
        assert time.monotonic() < deadline, shut
        await asyncio.sleep(0.1)
        shut = [
            (await operator.asks("POST", heartbeat, {}, key=issued["key"]))[0],
            (await operator.asks("GET", "/api/v1/cameras", key=issued["key"]))[0],
        ]
    (listed,) = [item for item in (await operator.does("GET", KEYS))["items"] if item["id"] == issued["id"]]
    assert listed["last_used_at"] is not None
    said = operator.gateway.log.read_text()
    orders = [line for line in said.splitlines() if "operator's order" in line]
    assert [issued["id"] in line and hash_key(operator.key)[:12] in line for line in orders[-3:]] == [True] * 3
    assert issued["key"] not in said
    assert operator.key not in said


async def test_only_an_administrator_of_the_whole_system_may(operator: Operator):
    cameras = Cameras(operator.database)
    bound = await cameras.issue_key(frozenset({Scope.ADMIN}), "roof", "bound")
    reader = await cameras.issue_key(frozenset({Scope.READ, Scope.UPLOAD, Scope.VERIFY}), None, "reader")
    for key in (bound, reader):
        for method, path in (
            ("GET", KEYS),
            ("GET", "/api/v1/models"),
            ("GET", "/api/v1/system"),
            ("GET", "/api/v1/dead"),
            ("POST", "/api/v1/dead/replay"),
            ("POST", "/api/v1/dead/01234567/replay"),
            ("DELETE", "/api/v1/dead/01234567"),
            ("GET", "/api/v1/reclassifications"),
            ("POST", "/api/v1/reclassifications"),
            ("POST", "/api/v1/reclassifications/01234567/pause"),
            ("GET", "/api/v1/cameras?exact=true"),
            ("POST", KEYS),
            ("DELETE", f"{KEYS}/0123456789ab"),
            ("POST", "/api/v1/cameras"),
            ("PATCH", "/api/v1/cameras/roof"),
            ("POST", "/api/v1/models/default/activate"),
        ):
            status, said = await operator.asks(method, path, key=key)
            assert (status, said["type"]) == (403, "urn:krabbel:problem:not-allowed"), (method, path)
    await operator.does("GET", KEYS, status=403, **{"Krabbel-As": "public"})
    assert (await operator.asks("GET", KEYS, key="wrong"))[0] == 401


async def test_a_camera_is_added_changed_and_shown_as_exactly_as_one_may(operator: Operator):
    place = {"latitude": 52.393412, "longitude": 13.091234, "coordinate_uncertainty_m": 5000}
    made = await operator.does("POST", "/api/v1/cameras", {"camera_id": "meadow", "name": "Wiese", **place}, 201)
    assert (made["camera_id"], made["credit"]) == ("meadow", "Wiese")
    await operator.does("POST", "/api/v1/cameras", {"camera_id": "meadow", "name": "Other"}, 409)
    changed = await operator.does(
        "PATCH", "/api/v1/cameras/meadow", {"timezone": "Europe/Lisbon", "licence": "CC0-1.0"}
    )
    assert changed == made | {"timezone": "Europe/Lisbon", "licence": "CC0-1.0"}

    async def shown(query: str = "") -> dict[str, Any]:
        items = (await operator.does("GET", f"/api/v1/cameras{query}"))["items"]
        return next(item for item in items if item["camera_id"] == "meadow")

    assert (await shown("?exact=true"))["latitude"] == place["latitude"]
    assert (await shown())["latitude"] != place["latitude"]
    said = await operator.does("PATCH", "/api/v1/cameras/meadow", {"timezone": "Mars/Base"}, 400)
    assert "Mars/Base" in said["detail"]
    await operator.does("PATCH", "/api/v1/cameras/nowhere", {"place": "x"}, 404)
    await operator.does("POST", KEYS, {"name": "x", "scopes": ["read"], "camera_id": "nowhere"}, 404)


async def test_a_model_is_activated_and_the_settings_file_again(operator: Operator):
    await Models(operator.database).add(DESCRIBED)
    await operator.does("POST", "/api/v1/models/bees@1/activate")
    listed = await operator.does("GET", "/api/v1/models")
    assert listed["active"] == "bees@1"
    assert [(item["model_id"], item["active"], item["workers"]) for item in listed["items"]] == [("bees@1", True, 0)]
    await operator.does("POST", "/api/v1/models/default/activate")
    assert (await operator.does("GET", "/api/v1/models"))["active"] is None
    await operator.does("POST", "/api/v1/models/wasps@9/activate", status=404)


async def test_the_system_tells_queues_spools_and_what_is_stored(operator: Operator):
    await Runs(operator.database).receive(a_run(1))
    state = await operator.does("GET", "/api/v1/system")
    live, other, parked, *later = state["queues"]
    assert [queue["kind"] for queue in (live, other, parked)] == ["live", "reclassify", "parked"]
    assert {queue["kind"] for queue in later} == {"retry"}
    assert (state["workers"], state["images_per_s"]) == ([], 0.0)
    (gateway,) = state["spool"]["gateways"]
    assert (gateway["runs"], gateway["limit_bytes"]) == (0, state["spool"]["limit_bytes"])
    assert gateway["disk_free_bytes"] > 0
    stored = state["storage"]
    runs = await operator.database.runs.find().to_list(None)
    images = [image["byte_size"] for run in runs for image in run["images"]]
    assert (stored["runs"], stored["images"], stored["bytes"]["pictures"]) == (len(runs), len(images), sum(images))
    assert stored["bytes"]["database"] > 0
    assert [disk["of"].split()[0] for disk in state["disks"]] == ["database", "spool"]


@pytest.fixture
async def broker(backends) -> AsyncIterator[Broker]:
    settings = BackendSettings.from_env(backends.env)
    async with open_broker(settings) as opened:
        await opened.ping()
        await empty_queues(settings)
        yield opened
        await empty_queues(settings)


async def test_dead_letters_are_shown_with_reasons_replayed_and_thrown_away(operator: Operator, broker: Broker):
    runs = Runs(operator.database)
    failed, gone = a_run(1, camera="meadow"), a_run(2, camera="roof")
    await runs.receive(failed)
    await runs.fail(failed.run_id, "The picture cannot be decoded.")
    await broker.publish_message(aio_pika.Message(b"junk"), PARKED)
    for run in (gone, failed):
        await broker.publish(job_of(run), PARKED)
    shown = await operator.does("GET", "/api/v1/dead")
    assert shown["total"] == 3
    by_run = {item["run_id"]: item for item in shown["items"]}
    junk, lost, known = by_run[None], by_run[gone.run_id], by_run[failed.run_id]
    assert (junk["run_id"], junk["obstacle"]) == (None, None)
    assert (known["reason"], known["job_version"]) == ("The picture cannot be decoded.", 1)
    assert "not in the database" in lost["reason"]
    limited = await operator.does("GET", "/api/v1/dead?limit=1")
    assert (len(limited["items"]), limited["total"]) == (1, 3)
    # What work cannot help stays, and says why
    said = await operator.does("POST", f"/api/v1/dead/{lost['id']}/replay", status=409)
    assert "nothing to classify" in said["detail"]
    replayed = await operator.does("POST", "/api/v1/dead/replay", {"camera_id": "roof"})
    assert replayed == {"done": 0, "skipped": 1, "left": 3}
    replayed = await operator.does("POST", "/api/v1/dead/replay", {"camera_id": "meadow"})
    assert replayed == {"done": 1, "skipped": 0, "left": 2}
    assert (await runs.get(failed.run_id)).status is RunStatus.QUEUED
    assert await broker.depth(CLASSIFY) == 1
    assert (await operator.does("DELETE", f"/api/v1/dead/{junk['id']}"))["left"] == 1
    await operator.does("DELETE", f"/api/v1/dead/{junk['id']}", status=404)
    await operator.does("POST", "/api/v1/dead/replay", {"camera": "roof"}, status=400)
    assert await broker.depth(PARKED) == 1


async def test_the_gateway_sends_an_order_and_leaves_a_paused_one_alone(operator: Operator, broker: Broker):
    runs = Runs(operator.database)
    for number in range(10, 13):
        await runs.receive(a_run(number, camera="again"))
        await runs.complete(a_verdict(a_run(number, camera="again")))
    await Models(operator.database).add(DESCRIBED)
    await operator.does("POST", "/api/v1/cameras", {"camera_id": "again", "name": "Again"}, 201)
    path = "/api/v1/reclassifications"
    wanted = {"model_id": DESCRIBED.model_id, "camera_id": "again"}
    made = await operator.does("POST", path, wanted, 201)
    assert (made["total"], made["state"]) == (3, "running")
    async with asyncio.timeout(20):
        while (listed := await operator.does("GET", path))["items"][0]["state"] != "sent":
            await asyncio.sleep(0.1)
    assert (listed["items"][0]["id"], listed["items"][0]["sent"], listed["waiting"]) == (made["id"], 3, 3)
    await operator.does("POST", f"{path}/{made['id']}/pause", status=409)
    await operator.does("POST", path, {**wanted, "from_day": "2026-07-02", "to_day": "2026-07-01"}, status=400)
    await operator.does("POST", path, {**wanted, "model_id": "wasps@9"}, status=404)


async def test_two_senders_of_one_order_send_each_run_once(operator: Operator, broker: Broker):
    runs = Runs(operator.database)
    for number in range(20, 25):
        await runs.receive(a_run(number, camera="twice"))
        await runs.complete(a_verdict(a_run(number, camera="twice")))
    first, second = (Reclassifications(operator.database, broker) for _ in range(2))
    order = await first.order("bees@1", "twice")
    done = await asyncio.gather(first.send(order.order_id), second.send(order.order_id))
    assert [(each.state.value, each.sent) for each in done] == [("sent", 5)] * 2
    assert await broker.depth(RECLASSIFY) == 5
