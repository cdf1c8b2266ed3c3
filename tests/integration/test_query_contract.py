"""The running service keeps what its description promises, and its page asks nobody else."""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import SkipTest
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from krabbel.stack.probes import http_status
from services.chassis.database import open_database
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings
from tests.support.seeds import a_run, a_verdict

pytestmark = [pytest.mark.stack, pytest.mark.slow]
KEY = "contract-secret"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def query_service(env: dict[str, str]) -> Iterator[str]:
    """Run ``python -m services.query`` and yield its address."""
    port = free_port()
    own = {"KRABBEL_PORT": str(port), "KRABBEL_SERVICE_KEY": KEY, "KRABBEL_LOG_LEVEL": "error"}
    process = subprocess.Popen([sys.executable, "-m", "services.query"], env={**os.environ, **env, **own})
    try:
        deadline = time.monotonic() + 60
        while http_status(port, "/healthz") != 200:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


async def _seed(mongo_url: str, name: str) -> None:
    async with open_database(BackendSettings(mongo_url=mongo_url, mongo_database=name)) as database:
        await database.ensure_indexes()
        runs = Runs(database)
        for number in range(12):
            run = a_run(number)
            await runs.receive(run)
            await runs.complete(a_verdict(run, ("bee", "fly", "none_bg")[number % 3]))


@pytest.fixture(scope="module")
def api(backends) -> Iterator[Any]:
    """The schema of a running service with a few runs."""
    name = f"contract_{uuid.uuid4().hex[:8]}"
    with ThreadPoolExecutor(1) as other:  # playwright leaves a loop running in this thread
        other.submit(asyncio.run, _seed(backends.env["KRABBEL_MONGO_URL"], name)).result()
    with query_service({**backends.env, "KRABBEL_MONGO_DATABASE": name}) as url:
        found = schemathesis.openapi.from_url(f"{url}/openapi.json")
        # ingest answers elsewhere, exports have tests of their own, and the live stream never ends
        yield found.include(method="GET").exclude(path_regex="/live|/exports|/uploads|/classify")


@pytest.mark.timeout(400)
def test_every_answer_is_one_that_was_promised(api: Any) -> None:
    problems: list[str] = []
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) > 25
    # What fits the description, and what does not: neither may end in anything that was not promised.
    for operation, mode in itertools.product(operations, GenerationMode):

        @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"}, checks=CHECKS)

        try:
            one()
        except (SkipTest, Unsatisfiable):
            continue  # nothing of it can be wrong
        except Exception as error:
            problems.append(f"{operation.method} {operation.path}, {mode.value}: {error}")
    assert not problems, "\n\n".join(problems)


@pytest.mark.browser
def test_the_page_to_try_it_works_and_asks_no_other_server(page: Any) -> None:
    # Given a service whose stores are all away: the description needs none
    away = {
        "KRABBEL_MONGO_URL": "mongodb://127.0.0.1:9/?replicaSet=krabbel",
        "KRABBEL_S3_ENDPOINT": "http://127.0.0.1:9",
    }
    with query_service(away) as url:
        asked: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"{url}/docs")
        page.wait_for_selector("#operations-runs-listRuns", timeout=60_000)
        assert "OAS 3.1" in page.inner_text(".info")
        assert page.locator(".errors-wrapper").count() == 0
        hosts = {urlsplit(address).netloc for address in asked if urlsplit(address).scheme in ("http", "https")}
        assert hosts == {urlsplit(url).netloc}
        assert problems == []
