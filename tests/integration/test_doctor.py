"""`krabbel doctor` on real servers."""

import json
import os
import subprocess
import sys

import aio_pika
import pytest

from services.chassis.settings import BackendSettings
from services.chassis.topology import PARKED
from tests.stack_fixture import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]


def doctor(env: dict[str, str]) -> "tuple[int, dict[str, dict[str, str]]]":
    ran = subprocess.run(
        [sys.executable, "-m", "krabbel", "doctor", "--json"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, {check["check"]: check for check in json.loads(ran.stdout)["checks"]}


async def test_servers_are_checked_and_a_queue_of_an_older_krabbel_is_named(backends: RunningStack) -> None:
    subprocess.run(
        [sys.executable, "-m", "krabbel", "upgrade"], env={**os.environ, **backends.env}, check=True, timeout=60
    )
    code, checks = doctor(backends.env)
    assert code == 0, checks
    for check in ("database", "replica set", "database version", "broker", "queues", "object store", "model"):
        assert checks[check]["level"] == "ok", checks[check]
    connection = await aio_pika.connect(BackendSettings.from_env(backends.env).amqp_url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        await (await channel.get_underlay_channel()).queue_delete(PARKED)
        await channel.declare_queue(PARKED, durable=True, arguments={"x-queue-type": "quorum"})
        code, checks = doctor(backends.env)
        await (await channel.get_underlay_channel()).queue_delete(PARKED)
    assert code == 1
    assert "krabbel upgrade" in checks[f"queue {PARKED}"]["do"]


def test_servers_that_are_away_are_failures_in_words() -> None:
    code, checks = doctor(
        {
            "KRABBEL_MONGO_URL": "mongodb://127.0.0.1:1/?replicaSet=x",
            "KRABBEL_AMQP_URL": "amqp://u:secret@127.0.0.1:1/",
            "KRABBEL_S3_ENDPOINT": "http://127.0.0.1:1",
        }
    )
    assert code == 1
    assert {checks[name]["level"] for name in ("database", "broker", "object store")} == {"fail"}
