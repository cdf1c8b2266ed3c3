"""The shared HTTP edge: one JSON shape for every refusal, ids in answers, nothing inner in 500s."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from proto.errors import RunNotFound, Unavailable
from services.chassis.web import READY_CHECKS, new_app


@pytest.fixture
async def client():
    app = new_app("test")

    async def missing(_request):
        raise RunNotFound("No tracking run has the id 'x'.")

    async def broken(_request):
        raise RuntimeError("the password is hunter2")

    async def away(_request):
        raise Unavailable("The database is away.", retry_after_s=7)

    app.router.add_get("/missing", missing)
    app.router.add_get("/broken", broken)
    app.router.add_get("/away", away)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_an_error_of_ours_becomes_problem_details(client):
    answer = await client.get("/missing", headers={"X-Request-ID": "abcdefgh-1"})
    body = await answer.json(content_type="application/problem+json")
    assert answer.status == 404
    assert body["type"] == "urn:krabbel:problem:run-not-found"
    assert body["detail"] == "No tracking run has the id 'x'."
    assert body["request_id"] == answer.headers["X-Request-ID"] == "abcdefgh-1"


async def test_an_unforeseen_error_tells_its_id_and_nothing_else(client):
    answer = await client.get("/broken")
    body = await answer.json(content_type="application/problem+json")
    assert answer.status == 500
    assert "hunter2" not in await answer.text()
    assert body["request_id"] in body["detail"]
    assert answer.headers["Retry-After"]


async def test_retry_after_is_sent_where_waiting_helps(client):
    answer = await client.get("/away")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")


async def test_unknown_paths_and_methods_have_the_same_shape(client):
    for answer, status in ((await client.get("/nowhere"), 404), (await client.post("/missing"), 405)):
        assert answer.status == status
        assert answer.content_type == "application/problem+json"


async def test_a_hostile_request_id_is_not_taken_over(client):
    answer = await client.get("/healthz", headers={"X-Request-ID": "x" * 500})
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_readiness_names_what_is_away():
    app = new_app("test")

    async def fine() -> None:
        return None

    async def gone() -> None:
        raise Unavailable("secret detail")

    app[READY_CHECKS].update(store=fine, broker=gone)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/readyz")
        assert answer.status == 503
        assert (await answer.json())["checks"] == {"store": "ok", "broker": "away: Unavailable"}
        assert (await client.get("/healthz")).status == 200
        assert "krabbel_http_requests_total" in await (await client.get("/metrics")).text()
