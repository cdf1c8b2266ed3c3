"""A stand-in for the query service, in memory, for the dashboard's own tests and for working on its looks.

    python -m tests.support.fake_query --dashboard http://127.0.0.1:8091 --port 8090 --seed 120 --every 3

It speaks the same JSON and server-sent events, serves drawn pictures, and is the one origin before the dashboard, as
Caddy is in earnest. The end-to-end tests use the real service.
"""

import argparse
import asyncio
import hashlib
import io
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from PIL import Image

from proto.camera import Camera
from proto.classification import Certainty, RunResult
from proto.live import LiveEvent, LiveEventType
from proto.run import ImageReference, RunSource, RunStatus, TrackingRun, object_key_of, run_id_of
from proto.taxonomy import entry
from proto.user import UserRole, Who
from proto.verification import Verdict, Verification
from services.query.run_order import ORDERS
from tests.support import fake_statistics
from tests.support.one_origin import forward

ZONE = ZoneInfo("Europe/Berlin")


@cache
def drawn(label: str, seed: int, frames: int) -> list[bytes]:
    """Return a run's crops, drawn as the simulator draws them."""
    from krabbel.simulator.drawing import draw_run

    return [crop.jpeg_bytes() for crop in draw_run(label, seed, frames)]


class FakeQuery:
    """Holds runs, answers as query does, and streams what happens to them."""

    def __init__(self, dashboard: str = "", *, key: str = "secret", demo: bool = True, plain: bool = False) -> None:
        self.dashboard, self.key, self.demo, self.plain = dashboard, key, demo, plain
        self.runs: dict[str, TrackingRun] = {}
        self.cameras: dict[str, Camera] = {}
        self.images: dict[str, bytes] = {}
        self.workers = 1
        self.sessions: dict[str, Who] = {}
        """Who is signed in, by token."""
        self._times = 0
        self.people_asked: list[tuple[str, str, dict[str, str]]] = []
        self.passwords: dict[str, tuple[str, Who]] = {}
        self.federated: list[str] = []
        self._streams: set[asyncio.Queue[bytes | None]] = set()
        self._away = False
        self._events = 0
        self._runner: web.AppRunner | None = None
        self.port = 0

    # -- what happens ---------------------------------------------------------------------------------------------

    def add_camera(self, camera_id: str, name: str, place: str = "") -> None:
        self.cameras[camera_id] = Camera(
            camera_id=camera_id, name=name, place=place, latitude=50.93, longitude=6.96, created_at=datetime.now(UTC)
        )

    def receive(
        self, camera: str, label: str, at: datetime | None = None, seed: int = 0, *, frames: int | None = None
    ) -> str:
        """A trap uploads a run: it is received and queued."""
        at = at or datetime.now(UTC)
        if self.plain:
            buffer = io.BytesIO()
            Image.new("RGB", (96, 96), entry(label).color).save(buffer, "JPEG")
            pictures = [buffer.getvalue()] * (frames or 1)
        else:
            pictures = drawn(label, seed, frames or 5)
        number = len(self.runs)
        shas = [hashlib.sha256(data + f"{number}.{at}".encode()).hexdigest() for at, data in enumerate(pictures)]
        run_id = run_id_of(camera, str(number), at.isoformat(), at.isoformat(), shas)
        images = []
        for sha, data in zip(shas, pictures, strict=True):
            key = object_key_of(run_id, sha, "image/jpeg")
            self.images[key.removeprefix("runs/")] = data
            images.append(
                ImageReference(
                    sha256=sha, object_key=key, file_name="a.jpg", content_type="image/jpeg", byte_size=len(data),
                    width=96, height=96,
                )
            )  # fmt: skip
        local = at.astimezone(ZONE)
        self.runs[run_id] = TrackingRun(
            run_id=run_id, camera_id=camera, tracking_id=str(len(self.runs)), source=RunSource.API, started_at=at,
            ended_at=at, duration_s=3, received_at=at, sort_at=at, local_date=local.date(), local_hour=local.hour,
            images=tuple(images),
        )  # fmt: skip
        if camera in self.cameras:
            self.cameras[camera] = self.cameras[camera].model_copy(update={"last_upload_at": at})
        self._tell(LiveEventType.RECEIVED, run_id)
        self._set(run_id, LiveEventType.QUEUED, status=RunStatus.QUEUED, queued_at=at)
        return run_id

    def classify(self, run_id: str, label: str, probability: float = 0.97) -> None:
        """A worker names the run."""
        sure = Certainty.SURE if probability >= 0.8 else Certainty.PROBABLE if probability >= 0.5 else Certainty.UNCLEAR
        now, images = datetime.now(UTC), self.runs[run_id].images
        result = RunResult(
            model_id="demo-yolov5n@1", label=label, is_insect=entry(label).is_insect, certainty=sure, top1_images=1,
            images=len(images), probability_mean=probability, probability_weighted=probability, classified_at=now,
            best_image=images[len(images) // 2].sha256, demo_model=self.demo,
        )  # fmt: skip
        status = RunStatus.CLASSIFIED
        self._set(run_id, LiveEventType.CLASSIFIED, status=status, result=result, classified_at=now)

    def verify(self, run_id: str, label: str, by: str = "Maja") -> None:
        """An editor says what the run is."""
        said = self.runs[run_id].result
        verdict = Verdict.CONFIRMED if said and said.label == label else Verdict.CORRECTED
        verification = Verification(
            label=label,
            is_insect=entry(label).is_insect,
            verdict=verdict,
            verified_by=by,
            verified_at=datetime.now(UTC),
        )
        self._set(run_id, LiveEventType.CLASSIFIED, verification=verification)

    def fail(self, run_id: str) -> None:
        """A worker cannot read the run."""
        self._set(run_id, LiveEventType.FAILED, status=RunStatus.FAILED, status_reason="no readable image")

    def empty(self) -> None:
        """Forget everything."""
        self.runs.clear()
        self.cameras.clear()
        self.images.clear()

    def hold_back(self) -> None:
        """The API goes away; the way to the dashboard stays open, as behind Caddy."""
        self._away = True
        for queue in self._streams:
            queue.put_nowait(None)

    def let_go(self) -> None:
        """The API is back."""
        self._away = False

    def _set(self, run_id: str, kind: LiveEventType, **changes: Any) -> None:
        self.runs[run_id] = self.runs[run_id].model_copy(update=changes)
        self._tell(kind, run_id)

    def _tell(self, kind: LiveEventType, run_id: str) -> None:
        self._events += 1
        event = LiveEvent(event_id=f"{self._events:016x}", type=kind, at=datetime.now(UTC), run=self.runs[run_id])
        data = f"id: {event.event_id}\nevent: {kind.value}\ndata: {event.model_dump_json()}\n\n".encode()
        for queue in self._streams:
            queue.put_nowait(data)

    # -- what it answers ------------------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        path, query = request.match_info["path"], request.query
        if path.startswith("images/"):
            data = self.images.get(path.removeprefix("images/"))
            return web.Response(body=data, content_type="image/jpeg") if data else web.Response(status=404)
        if path.endswith(("/thumbnail", "/sheet")):
            shown = self.runs.get(path.split("/")[1])
            key = shown.images[len(shown.images) // 2].object_key.removeprefix("runs/") if shown else ""
            return web.Response(body=self.images[key], content_type="image/jpeg") if key else web.Response(status=404)
        if self._away:
            return web.Response(status=502, text="bad gateway")
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"title": "no key"}, status=401)
        if path == "live":
            return await self._live(request)
        day = date.fromisoformat(query["day"]) if "day" in query else None
        answers: dict[str, Any] = {}
        if path.startswith("runs/"):
            run = self.runs.get(path.removeprefix("runs/"))
            if run is None:
                return web.json_response({}, status=404)
            answers = {"run": run.model_dump(mode="json"), "classifications": []}
        elif path == "runs":
            found = [run for run in self.runs.values() if day is None or run.local_date == day]
            found = [run for run in found if "status" not in query or run.status.value == query["status"]]
            found = [
                run for run in found if "class" not in query or (run.result and run.result.label == query["class"])
            ]
            if "insect" in query:
                wanted = query["insect"] == "true"
                found = [run for run in found if run.result and run.result.is_insect == wanted]
            if "certainty" in query:
                found = [run for run in found if run.result and run.result.certainty.value == query["certainty"]]
            if "verified" in query:
                found = [run for run in found if (run.verification is not None) == (query["verified"] == "true")]
            order = ORDERS[query.get("order", "newest")]
            found = [run for run in found if run.result or not order.judged]
            found.sort(
                key=lambda run: (order.value_of(run.model_dump(mode="python")), run.run_id), reverse=order.descending
            )
            if "hour" in query:
                found = [run for run in found if run.local_hour == int(query["hour"])]
            if "camera" in query:
                found = [run for run in found if run.camera_id == query["camera"]]
            limit, start = int(query.get("limit", 50)), int(query.get("cursor", 0))
            answers = {
                "items": [run.model_dump(mode="json") for run in found[start : start + limit]],
                "next": str(start + limit) if len(found) > start + limit else None,
            }
        elif path == "stories":
            answers = fake_statistics.stories([*self.runs.values()], query, datetime.now(ZONE).date())
        elif path == "cameras":
            answers = {"items": [camera.model_dump(mode="json") for camera in self.cameras.values()]}
        elif path == "days" or path.startswith("stats/"):
            answers = fake_statistics.answer(path.removeprefix("stats/"), [*self.runs.values()], query, self.cameras)
        elif path == "status":
            model = {"model_id": "demo-yolov5n@1", "demo": self.demo}
            answers = {
                "queue": {"ready": 0, "parked": 0},
                "runs_by_status": Counter(run.status.value for run in self.runs.values()),
                "workers": [{"worker_id": "w1", **model}] * self.workers,
                "model": model,
            }
        else:
            return web.json_response({}, status=404)
        return web.json_response(answers)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": hello\n\n")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._streams.add(queue)
        try:
            while True:
                try:
                    data = await asyncio.wait_for(queue.get(), 5)
                    if data is None:
                        return response
                    await response.write(data)
                except TimeoutError:
                    await response.write(b": heartbeat\n\n")
        except ConnectionError:
            return response
        finally:
            self._streams.discard(queue)

    def sign_in(self, role: UserRole = UserRole.ADMIN, name: str = "Anna Käfer", user_id: str = "") -> str:
        """Somebody signs in; return the token."""
        token = f"token-of-{name}-{role.value}".replace(" ", "-").replace("ä", "ae")
        self._times += 1
        token += f"-{self._times}"
        self.sessions[token] = Who(name=name, role=role, user_id=user_id or name.casefold())
        return token

    async def _internal(self, request: web.Request) -> web.Response:
        if self._away or request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.Response(status=502, text="bad gateway")
        if request.path.startswith("/internal/people"):
            return await self._of_people(request)
        if request.method == "DELETE":
            self.sessions.pop(request.headers["Krabbel-Session"], None)
            return web.Response(status=204)
        body = await request.json()
        if request.path.endswith("/check"):
            known = [self.sessions.get(token) for token in body["tokens"]]
            return web.json_response({"items": [who and who.model_dump(mode="json") for who in known]})
        if request.path.endswith("/password"):
            return self._change_password(body)
        if request.path.endswith("/federated"):
            self.federated.append(body["subject"])
            return self._opened(Who(name=body["name"], role=body["role"]))
        password, who = self.passwords.get(body["name"], ("", None))
        if body["password"] == "limited":
            problem = {"type": "urn:krabbel:problem:too-many-requests", "title": "", "status": 429, "detail": ""}
            return web.json_response(problem, status=429, headers={"Retry-After": "600"})
        if who is None or body["password"] != password:
            problem = {"type": "urn:krabbel:problem:wrong-sign-in", "title": "", "status": 401, "detail": ""}
            return web.json_response(problem, status=401)
        return self._opened(who)

    async def _of_people(self, request: web.Request) -> web.Response:
        """What was asked is kept; nobody is changed."""
        action = request.path.removeprefix("/internal/people")
        who = self.sessions[request.headers["Krabbel-Session"]]
        if request.method == "GET":
            return web.json_response({"items": [], "you": who.user_id})
        asked = await request.json()
        self.people_asked.append((action, who.user_id, asked))
        if asked.get("user_id") == who.user_id:
            problem = {"type": "urn:krabbel:problem:own-account", "title": "", "status": 409, "detail": "Your own."}
            return web.json_response(problem, status=409)
        if action in ("/role", "/remove"):
            return web.Response(status=204)
        return web.json_response({"name": "Max", "password": "made"}, status=200 if action else 201)

    def _change_password(self, body: dict[str, str]) -> web.Response:
        who = self.sessions.get(body["token"])
        assert body["address"]
        slug, status = "", 0
        if who is None:
            slug, status = "session-ended", 401
        elif body["current"] == "limited":
            slug, status = "too-many-requests", 429
        elif body["current"] != self.passwords[who.user_id][0]:
            slug, status = "wrong-sign-in", 401
        elif len(body["new"]) < 12:
            slug, status = "bad-request", 400
        if who is None or slug:
            problem = {"type": f"urn:krabbel:problem:{slug}", "title": "", "status": status, "detail": ""}
            return web.json_response(problem, status=status)
        self.passwords[who.user_id] = (body["new"], who)
        self.sessions = {token: other for token, other in self.sessions.items() if other != who}
        return self._opened(who)

    def _opened(self, who: Who) -> web.Response:
        token = self.sign_in(who.role, who.name)
        ends_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        return web.json_response({"token": token, "who": who.model_dump(mode="json"), "ends_at": ends_at}, status=201)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        return await forward(request, self.dashboard)

    async def start(self, port: int = 0) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/api/v1/{path:.*}", self._api)
        app.router.add_route("*", "/internal/{path:.*}", self._internal)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away, as a service does that is restarted."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dashboard", required=True)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--seed", type=int, default=120)
    parser.add_argument("--every", type=float, default=3.0)
    parser.add_argument("--no-demo", action="store_true")
    given = parser.parse_args()
    rng = random.Random(7)
    query = FakeQuery(given.dashboard, demo=not given.no_demo)
    for camera_id, name, place in (
        ("garten-1", "Garten 1", "Köln, Volksgarten"),
        ("redaktion", "Dachgarten Redaktion", "Köln, Neumarkt"),
        ("streuobst", "Streuobstwiese", "Bergisch Gladbach"),
    ):
        query.add_camera(camera_id, name, place)
    from krabbel.simulator.drawing import random_label

    now = datetime.now(UTC)
    for _ in range(given.seed):
        back = (
            timedelta(hours=min(abs(rng.gauss(0, 4)), 15))
            if rng.random() < 0.7
            else timedelta(days=rng.choice([1, 1, 2, 3, 5, 9, 14, 15, 30]))
        )
        run_id = query.receive(rng.choice([*query.cameras]), label := random_label(rng), now - back, rng.randrange(3))
        query.classify(run_id, label, rng.choice([0.99, 0.97, 0.93, 0.88, 0.72, 0.55, 0.41]))
    await query.start(given.port)
    while True:
        await asyncio.sleep(given.every)
        run_id = query.receive(rng.choice([*query.cameras]), label := random_label(rng), None, rng.randrange(3))
        await asyncio.sleep(0.9)
        query.classify(run_id, label, rng.choice([0.99, 0.97, 0.93, 0.72, 0.41]))


if __name__ == "__main__":
    asyncio.run(_main())
