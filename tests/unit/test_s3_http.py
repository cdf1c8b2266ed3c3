"""When the two requests that are made for every picture are made again, and when not."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.chassis import s3_http
from services.chassis.s3_http import CONNECTION_TRIES, WAITS_S, S3Http, S3Refused
from services.chassis.settings import BackendSettings


class Store:
    """Answers what it was told to, then 200."""

    def __init__(self) -> None:
        self.refusals: list[int] = []
        self.asked = 0

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        if self.refusals:
            return web.Response(status=self.refusals.pop(0), text="<Error><Code>InternalError</Code></Error>")
        return web.Response(body=b"pixels")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_http, "WAITS_S", tuple(0.0 for _ in WAITS_S))


@pytest.fixture
async def store() -> AsyncIterator[tuple[Store, S3Http, TestServer]]:
    answers = Store()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers.answer)
    async with TestServer(app) as server:
        http = S3Http(BackendSettings(s3_endpoint=f"http://127.0.0.1:{server.port}"))
        yield answers, http, server
        await http.close()


async def test_store_that_has_just_started_is_asked_until_it_can_answer(
    store: tuple[Store, S3Http, TestServer],
) -> None:
    answers, http, _ = store
    answers.refusals = [500, 503, 500, 502, 504]
    assert await http.get("runs/a/b.jpg") == b"pixels"
    assert answers.asked == 6


async def test_store_that_goes_on_refusing_is_given_up(store: tuple[Store, S3Http, TestServer]) -> None:
    answers, http, _ = store
    answers.refusals = [500] * 20
    with pytest.raises(S3Refused, match="InternalError"):
        await http.put("runs/a/b.jpg", b"pixels", "image/jpeg", None)
    assert answers.asked == len(WAITS_S) + 1


@pytest.mark.parametrize("status", [403, 404, 412])
async def test_what_would_be_refused_again_is_asked_once(store: tuple[Store, S3Http, TestServer], status: int) -> None:
    answers, http, _ = store
    answers.refusals = [status]
    with pytest.raises(S3Refused):
        await http.get("runs/a/b.jpg")
    assert answers.asked == 1


async def test_store_that_is_away_is_given_up_sooner(
    store: tuple[Store, S3Http, TestServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, http, server = store
    await server.close()
    signed: list[str] = []
    sign = http._signed

    def note(method: str, *rest: object) -> dict[str, str]:
        signed.append(method)
        return sign(method, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(http, "_signed", note)
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.get("runs/a/b.jpg")
    assert signed == ["GET"] * CONNECTION_TRIES
