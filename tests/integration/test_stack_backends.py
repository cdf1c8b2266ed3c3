"""The embedded servers: start, keep data, come back after a crash, listen on loopback only."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import aiormq
import psutil
import pytest
import requests
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import OperationFailure

from krabbel.stack import AlreadyRunning, EmbeddedStack
from proto.errors import Unavailable
from services.chassis.accounts import accounts
from services.chassis.database import open_database
from services.chassis.object_store import open_object_store
from services.chassis.settings import BackendSettings
from tests.stack_fixture import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def settings_of(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> BackendSettings:
    """Return the settings as a service would read them."""
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    return BackendSettings()


async def write_something(settings: BackendSettings) -> None:
    """Leave a document and an object."""
    async with open_database(settings) as database, open_object_store(settings) as store:
        await database.runs.insert_one({"_id": "kept"})
        await store.ensure_bucket()
        await store.put("kept.jpg", b"pixels", "image/jpeg")


async def read_something(settings: BackendSettings) -> tuple[bool, bytes]:
    """Return whether the document is there, and the object."""
    async with open_database(settings, timeout_s=10) as database, open_object_store(settings) as store:
        return await database.runs.find_one({"_id": "kept"}) is not None, await store.get("kept.jpg")


async def test_data_survives_restarts_even_with_other_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backends: RunningStack
) -> None:
    # Given a stack with data that was ended cleanly
    with EmbeddedStack(tmp_path) as stack:
        await write_something(settings_of(stack, monkeypatch))
    # When it starts again, on the same ports or, because those are taken, on others
    for forget_ports in (False, True):
        if forget_ports:
            (tmp_path / "ports.json").unlink()
        with EmbeddedStack(tmp_path) as stack:
            # Then everything is there
            assert await read_something(settings_of(stack, monkeypatch)) == (True, b"pixels")


async def test_killed_servers_come_back_by_themselves_with_their_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedStack(tmp_path) as stack:
        settings = settings_of(stack, monkeypatch)
        await write_something(settings)
        before = {name: stack.pid(name) for name in ("broker", "database", "objects")}
        # When all are killed by SIGKILL
        for name in before:
            stack.kill(name)
        for name in before:
            stack.wait_until_up(name)
        # Then others run in their place, on the same addresses, and nothing that was acknowledged is lost
        assert all(stack.pid(name) not in (None, pid) for name, pid in before.items())
        assert await read_something(settings) == (True, b"pixels")


def test_servers_listen_on_loopback_only(backends: RunningStack) -> None:
    ours = [process for process in psutil.Process().children(recursive=True) if process.is_running()]
    listening = [
        (process.name(), connection.laddr.ip)
        for process in ours
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {name for name, _ in listening} >= {"epmd", "beam.smp", "mongod", "weed"}
    assert {address for _, address in listening} <= {"127.0.0.1", "::1"}, listening


def test_second_start_on_the_same_folder_is_refused(backends: RunningStack) -> None:
    with pytest.raises(AlreadyRunning, match="--data-dir"):
        EmbeddedStack(backends.data_dir).start()


def test_secrets_are_readable_by_their_owner_only(backends: RunningStack) -> None:
    assert backends.data_dir.stat().st_mode & 0o777 == 0o700
    names = (
        "secrets.json",
        "env.json",
        "stack.json",
        "database/keyfile",
        "broker/rabbitmq.conf",
        "objects/identities.json",
    )
    for name in names:
        assert (backends.data_dir / name).stat().st_mode & 0o077 == 0, name


async def test_servers_ask_for_passwords(backends: RunningStack) -> None:
    for url, intruder in (
        (backends.env["KRABBEL_MONGO_URL"], "mongodb://{}/?directConnection=true"),
        (backends.env["KRABBEL_MONGO_URL"], "mongodb://krabbel:wrong@{}/?directConnection=true&authSource=admin"),
    ):
        client = AsyncIOMotorClient(intruder.format(urlsplit(url).netloc.rpartition("@")[2]))
        with pytest.raises(OperationFailure):
            await client["krabbel"]["runs"].find_one()
        client.close()
    broker = urlsplit(backends.env["KRABBEL_AMQP_URL"])
    for user in ("guest:guest", "krabbel:wrong"):
        with pytest.raises(aiormq.exceptions.AMQPConnectionError):
            await aio_pika.connect(f"amqp://{user}@127.0.0.1:{broker.port}/", timeout=5)
    assert requests.get(f"{backends.env['KRABBEL_S3_ENDPOINT']}/krabbel", timeout=10).status_code == 403


async def test_worker_with_its_own_account_sees_neither_keys_nor_users_and_cannot_use_other_queues(
    backends: RunningStack,
) -> None:
    own = backends.embedded.own_settings("classifier")
    client = AsyncIOMotorClient(own["KRABBEL_MONGO_URL"])
    assert await client["krabbel"]["runs"].count_documents({}) >= 0
    for collection in ("api_keys", "users", "cameras", "verifications"):
        with pytest.raises(OperationFailure, match="not authorized"):
            await client["krabbel"][collection].find_one()
    with pytest.raises(OperationFailure, match="not authorized"):
        await client["krabbel"]["runs"].delete_many({})
    client.close()
    connection = await aio_pika.connect(own["KRABBEL_AMQP_URL"], timeout=5)
    async with connection:
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await (await connection.channel()).declare_queue("of-somebody-else")


KINDS = ("runs/", "thumbs/", "sheets/", "exports/", "models/", "doctor/")


@pytest.mark.parametrize("service", [*accounts()["s3"]])
async def test_service_can_do_with_objects_what_the_list_says_and_no_more(backends: RunningStack, service: str) -> None:
    env = backends.env | (backends.embedded.own_settings(service) if service != "operator" else {})
    operator = BackendSettings.from_env(backends.env)
    async with open_object_store(operator) as all_may, open_object_store(BackendSettings.from_env(env)) as store:
        for kind in KINDS:
            key = f"{kind}of-{service}"
            await all_may.put(key, b"pixels", "image/webp")
            for verb, request in (
                ("put", lambda key=key: store.put(key, b"others", "image/webp")),
                ("get", lambda key=key: store.get(key)),
                ("delete", lambda key=key: store.remove([key])),
            ):
                if kind.startswith(tuple(accounts()["s3"][service][verb])):
                    await request()
                else:
                    with pytest.raises(Unavailable, match="AccessDenied"):
                        await request()
            await all_may.remove([key])
        await store.ping()


async def test_absent_object_is_absent_and_not_forbidden_where_a_service_may_read(backends: RunningStack) -> None:
    env = backends.env | backends.embedded.own_settings("classifier")
    async with open_object_store(BackendSettings.from_env(env)) as store:
        assert await store.labels("sheets/absent.webp") == {}
        with pytest.raises(Unavailable, match="AccessDenied"):
            await store.get("exports/absent")


def test_two_stacks_side_by_side(backends: RunningStack, tmp_path: Path) -> None:
    # Given the ports of a running stack, copied as a careless backup would
    shutil.copy(backends.data_dir / "ports.json", tmp_path / "ports.json")
    # When a second one starts with them, then it takes others
    with EmbeddedStack(tmp_path) as other:
        assert other.env["KRABBEL_AMQP_URL"] != backends.env["KRABBEL_AMQP_URL"]
        assert other.env["KRABBEL_MONGO_URL"] != backends.env["KRABBEL_MONGO_URL"]
