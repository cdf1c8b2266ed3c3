"""A thin, typed, asynchronous client of the query API: what the dashboard and scripts use instead of URLs and dicts.

    async with QueryClient("http://127.0.0.1:8000", key) as client:
        page = await client.runs(insect=True, limit=20)
        async for event in client.live():
            print(event.run.result)

Answers are contracts; refusals are the errors of :mod:`proto.errors`; a server that is away or does not answer in time
is :class:`proto.errors.Unavailable`. Nothing is retried here: who calls knows what waiting costs.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from pydantic import ValidationError
from yarl import URL

from krabbel.answers import (
    Agreement,
    Cameras,
    ClassHourStatistics,
    ClassStatistics,
    DayCount,
    Days,
    HourStatistics,
    RunDetail,
    RunsPage,
    Sighting,
    Sightings,
    SystemStatus,
)
from proto.base import Contract
from proto.camera import Camera
from proto.errors import KrabbelError, Unavailable
from proto.live import LiveEvent
from proto.problem import Problem
from proto.run import RunStatus
from proto.verification import VerificationAnswer, VerificationItem, VerificationRequest, VerifiedItem

SILENCE_S = 25.0
"""A live stream that says nothing for so long (heartbeats come every 10 s) is dead."""

_IMAGE_KEY = re.compile(r"^runs/([0-9a-f]{32}/[0-9a-f]{64}\.(?:jpg|png|webp))$")


Answer = TypeVar("Answer", bound=Contract)
Parameter = str | int | bool | date | None


def image_path(object_key: str) -> str | None:
    """Return the path of an image below the origin, from its object key; None for a key of another form."""
    match = _IMAGE_KEY.match(object_key)
    return f"/api/v1/images/{match.group(1)}" if match else None


class QueryClient:
    """One connection pool to one query service."""

    def __init__(self, base_url: str, key: str, *, timeout_s: float = 10.0) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=3)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def runs(
        self,
        *,
        camera: str | None = None,
        day: date | None = None,
        label: str | None = None,
        status: RunStatus | None = None,
        insect: bool | None = None,
        verified: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> RunsPage:
        """Return a page of runs, newest first."""
        state = status.value if status else None
        wanted: dict[str, Parameter] = {"camera": camera, "day": day, "class": label, "status": state}
        wanted |= {"insect": insect, "verified": verified, "limit": limit, "cursor": cursor}
        return await self._get("runs", RunsPage, wanted)

    async def run(self, run_id: str) -> RunDetail:
        """Return one run with its classifications and verifications."""
        return await self._get(f"runs/{run_id}", RunDetail)

    async def verify(self, items: Sequence[VerificationItem], by: str) -> tuple[VerifiedItem, ...]:
        """Say what runs are (label None: withdraw), as ``by``; all or nothing. Needs a key with the scope ``verify``.

        It goes through the gateway: ``base_url`` must be the common origin, or ingest itself.

        Raises:
            UnknownLabel: the taxonomy has no such class; nothing was changed.
        """
        wanted = VerificationRequest(items=tuple(items), by=by)
        return (await self._post("verifications", VerificationAnswer, wanted)).items

    async def agreement(self, camera: str | None = None) -> Agreement:
        """Return how often people agreed with the machine."""
        return await self._get("stats/agreement", Agreement, {"camera": camera})

    async def cameras(self) -> tuple[Camera, ...]:
        """Return all cameras."""
        return (await self._get("cameras", Cameras)).items

    async def days(self) -> tuple[DayCount, ...]:
        """Return all days that have runs, newest first."""
        return (await self._get("days", Days)).items

    async def hours(self, day: date, camera: str | None = None) -> HourStatistics:
        """Return a day's counts per hour."""
        return await self._get("stats/hours", HourStatistics, {"day": day, "camera": camera})

    async def classes(self, day: date, camera: str | None = None) -> ClassStatistics:
        """Return a day's counts per class."""
        return await self._get("stats/classes", ClassStatistics, {"day": day, "camera": camera})

    async def class_hours(self, day: date, camera: str | None = None) -> ClassHourStatistics:
        """Return a day's counts per class and hour."""
        return await self._get("stats/class-hours", ClassHourStatistics, {"day": day, "camera": camera})

    async def sightings(self, camera: str | None = None) -> tuple[Sighting, ...]:
        """Return every class ever seen, with its first and last day."""
        return (await self._get("stats/sightings", Sightings, {"camera": camera})).classes

    async def status(self) -> SystemStatus:
        """Return what waits, who works, with which model."""
        return await self._get("status", SystemStatus)

    async def live(
        self, last_event_id: str | None = None, *, opened: asyncio.Event | None = None
    ) -> AsyncIterator[LiveEvent]:
        """Yield live events for ever; ``opened`` is set once the server streams.

        Raises:
            Unavailable: the stream ended, broke, or fell silent. Call again, with the last event's id to miss nothing.
        """
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_event_id} if last_event_id else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=SILENCE_S)
        try:
            async with self._pool().get(f"{self._base}/api/v1/live", headers=headers, timeout=timeout) as answer:
                if answer.status != 200:
                    raise error_of(answer.status, await answer.text())
                if opened is not None:
                    opened.set()
                async for name, data in _sse(answer.content):
                    if name == "reset":
                        raise Unavailable("The live stream may have missed events: read anew.")
                    yield LiveEvent.model_validate_json(data)
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError) as error:
            raise Unavailable(f"The live stream broke: {type(error).__name__}: {error}") from error
        raise Unavailable("The live stream ended.")

    @asynccontextmanager
    async def passed_on(
        self,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask as somebody else's deputy, and give the answer as it is, unread. ``path`` and ``query`` are encoded.

        Raises:
            Unavailable: the server does not answer, or ceases to.
        """
        address = URL(f"{self._base}/api/v1/{path}{'?' if query else ''}{query}", encoded=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=30)
        try:
            async with self._pool().request(method, address, headers=headers, data=body, timeout=timeout) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"The service does not answer: {type(error).__name__}") from error

    async def _get(self, path: str, shape: type[Answer], query: Mapping[str, Parameter] | None = None) -> Answer:
        given = {name: _as_text(value) for name, value in (query or {}).items() if value is not None}
        return await self._ask("GET", path, shape, params=given)

    async def _post(self, path: str, shape: type[Answer], body: Contract) -> Answer:
        headers = {"Content-Type": "application/json"}
        return await self._ask("POST", path, shape, data=body.model_dump_json(), headers=headers)

    async def _ask(self, method: str, path: str, shape: type[Answer], **options: Any) -> Answer:
        url = f"{self._base}/api/v1/{path}"
        try:
            async with self._pool().request(method, url, timeout=self._timeout, **options) as answer:
                body = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"The service does not answer: {type(error).__name__}: {error}") from error
        if answer.status not in (200, 201, 202):
            raise error_of(answer.status, body)
        try:
            return shape.model_validate_json(body)
        except ValidationError as error:
            raise Unavailable(f"The service answered {path} in a form we cannot read: {error}") from error

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        return self._session


def error_of(status: int, body: str) -> KrabbelError:
    """Return the error that a refusal tells: the one of its slug, else a general one of its status."""
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        return Unavailable(f"Answer {status} from the query service: {body[:200]!r}")
    slug = problem.type.rsplit(":", 1)[-1]
    for kind in _all_kinds(KrabbelError):
        if kind.slug == slug:
            return kind(problem.detail)
    error = KrabbelError(problem.detail)
    error.status, error.slug, error.title = problem.status, slug, problem.title
    return error


def _all_kinds(kind: type[KrabbelError]) -> list[type[KrabbelError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _all_kinds(child))]


def _as_text(value: Parameter) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


async def _sse(stream: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str]]:
    """Yield name and data of each server-sent event; comments (heartbeats) are only signs of life."""
    name, data, buffer = "", list[str](), b""
    async for chunk in stream.iter_any():
        *lines, buffer = (buffer + chunk).split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r").decode()
            field, _, value = line.partition(":")
            if field == "event":
                name = value.strip()
            elif field == "data":
                data.append(value.removeprefix(" "))
            elif not line and data:
                yield name, "\n".join(data)
                name, data = "", []
