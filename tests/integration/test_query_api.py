"""The query service on real servers: lists, pictures, statistics, the old endpoints."""

import asyncio
import io
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image
from yarl import URL

from proto.camera import Camera, Heartbeat, Scope
from proto.classification import Certainty
from proto.run import TrackingRun, thumbnail_key_of
from proto.verification import VerificationItem
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.object_store import ObjectStore, open_object_store
from services.chassis.runs import Runs
from services.chassis.verifications import Verifications
from services.query.access import SETTINGS
from services.query.app import create_app
from services.query.cursor import Cursor
from services.query.run_filter import Page, RunFilter, page_query
from services.query.run_order import ORDERS
from services.query.settings import QuerySettings
from tests.support.seeds import START, a_run, a_verdict, jpeg

pytestmark = pytest.mark.stack
KEY = {"Authorization": "Bearer service-secret"}
OLD_KEY = {"access_token": "old-secret"}


@dataclass
class World:
    """The service, and the stores behind it."""

    client: TestClient
    database: Database
    runs: Runs
    cameras: Cameras
    store: ObjectStore

    async def json(self, path: str, status: int = 200, headers: dict[str, str] = KEY):
        async with self.client.get(path, headers=headers) as response:
            body = await response.json()
            assert response.status == status, body
            return body

    async def seed(
        self, count: int, labels: tuple[str, ...] = ("bee", "fly", "none_bg"), **options
    ) -> list[TrackingRun]:
        """Store classified runs, one a second."""
        made = [a_run(number, **options) for number in range(count)]
        for number, run in enumerate(made):
            await self.runs.receive(run)
            await self.runs.complete(a_verdict(run, labels[number % len(labels)]))
        return made


@pytest.fixture
async def world(backends) -> AsyncIterator[World]:
    settings = QuerySettings.from_env(backends.env).model_copy(
        update={"mongo_database": f"query_{uuid.uuid4().hex[:8]}", "live_heartbeat_s": 0.3}
    )
    settings = QuerySettings.model_validate(
        settings.model_dump() | {"service_key": "service-secret", "api_key": "old-secret", "camera_name": "Garden 1"}
    )
    app = create_app(settings)
    async with open_database(settings) as database, open_object_store(settings) as store:
        await store.ensure_bucket()
        await database.ensure_indexes()
        async with TestClient(TestServer(app)) as client:
            yield World(client, database, Runs(database), Cameras(database), store)
        await database.client.drop_database(settings.mongo_database)


async def test_lists_follow_people_and_show_what_they_decided(world: World):
    made = await world.seed(6)
    items = [
        VerificationItem(run_id=made[0].run_id, label="wasp"),
        VerificationItem(run_id=made[1].run_id, label="fly"),
    ]
    await Verifications(world.database).decide(items, "Maja")

    async def count(query: str) -> int:
        return len((await world.json(f"/api/v1/runs?{query}"))["items"])

    assert [await count(f"class={label}") for label in ("bee", "wasp", "fly")] == [1, 1, 2]
    assert (await count("verified=true"), await count("verified=false&insect=true")) == (2, 2)
    detail = await world.json(f"/api/v1/runs/{made[0].run_id}")
    assert (detail["run"]["label"], detail["run"]["result"]["label"]) == ("wasp", "bee")
    assert detail["verifications"][0]["verified_by"] == detail["run"]["verification"]["verified_by"] == "Maja"
    agreement = await world.json("/api/v1/stats/agreement?from=2026-07-01&to=2026-07-01")
    assert (agreement["verified"], agreement["confirmed"]) == (2, 1)
    found = await world.json("/api/v1/runs?fields=label,verification.verdict&class=wasp")
    assert found["items"][0] == {"label": "wasp", "verification": {"verdict": "corrected"}}


async def test_an_empty_database_is_no_error(world: World):
    assert await world.json("/api/v1/runs") == {"items": [], "next": None}
    assert await world.json("/api/v1/days") == {"items": []}
    assert (await world.json("/api/v1/stats/classes?day=2026-07-01"))["classes"] == []
    assert len((await world.json("/api/v1/stats/hours?day=2026-07-01"))["hours"]) == 24
    status = await world.json("/api/v1/status")
    assert status["runs_by_status"] == {"received": 0, "queued": 0, "classified": 0, "failed": 0}
    assert status["model"] is None


async def test_pages_show_every_run_once_newest_first(world: World):
    made = await world.seed(25)
    # Given runs of the same moment: the id decides, and none is lost between two pages
    same = [a_run(100 + number, at=START) for number in range(5)]
    for run in same:
        await world.runs.receive(run)
    seen, url = [], "/api/v1/runs?limit=7"
    while url:
        async with world.client.get(url, headers=KEY) as response:
            body = await response.json()
            seen += [item["run_id"] for item in body["items"]]
            url = response.headers["Link"].partition(">")[0].lstrip("<") if body["next"] else None
            assert ("Link" in response.headers) == bool(body["next"])
    expected = sorted([*made, *same], key=lambda run: (run.sort_at, run.run_id), reverse=True)
    assert seen == [run.run_id for run in expected]
    oldest = await world.json("/api/v1/runs?limit=500&order=oldest")
    assert [item["run_id"] for item in oldest["items"]] == seen[::-1]


ORDERED = {
    "most_certain": lambda run, p: -p,
    "least_certain": lambda run, p: p,
    "longest": lambda run, p: -run.duration_s,
    "shortest": lambda run, p: run.duration_s,
    "most_images": lambda run, p: -len(run.images),
    "fewest_images": lambda run, p: len(run.images),
}


async def test_other_orders_page_through_every_run_once_and_seek_in_an_index(world: World):
    made = {}
    for number in range(11):  # every value twice, so that pages end between equals
        run = a_run(number, duration_s=1.0 + number // 2, images=1 + number // 2 % 3)
        made[run.run_id] = (run, 0.4 + number // 2 / 10)
        await world.runs.receive(run)
        await world.runs.complete(a_verdict(run, probability=made[run.run_id][1]))
    waiting = a_run(50, duration_s=99)
    await world.runs.receive(waiting)
    for order, key in ORDERED.items():
        seen, cursor = [], ""
        while cursor is not None:
            page = await world.json(f"/api/v1/runs?limit=4&fields=run_id,result.label&order={order}&cursor={cursor}")
            seen += [item["run_id"] for item in page["items"]]
            assert all(set(item) == {"run_id", "result"} for item in page["items"] if item["run_id"] in made)
            assert all(set(item["result"]) == {"label"} for item in page["items"] if item["run_id"] in made)
            cursor = page["next"]
        judged = [run_id for run_id in seen if run_id in made]
        assert [key(*made[run_id]) for run_id in judged] == sorted(key(*one) for one in made.values()), order
        assert len(set(seen)) == len(seen) == (12 if order in ("longest", "shortest") else 11)
        chosen = ORDERS[order]
        asked = page_query(RunFilter(), Page(limit=4, cursor=Cursor(2, "0" * 32, chosen.kind), order=chosen))
        plan = await world.database.runs.find(asked).sort(chosen.sort).explain()
        stages = str(plan["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in stages
        assert "SORT'" not in stages
    async with world.client.get("/api/v1/runs?format=csv&order=longest", headers=KEY) as response:
        assert waiting.run_id in (await response.text()).splitlines()[1]


async def test_an_hour_of_a_day_is_the_cameras_hour(world: World):
    for number, (hour, zone) in enumerate([(8, "Europe/Berlin"), (10, "Europe/Berlin"), (1, "Asia/Tokyo")]):
        await world.runs.receive(a_run(number, at=START.replace(hour=hour), zone=zone))
    found = await world.json("/api/v1/runs?day=2026-07-01&hour=10")
    assert sorted(item["local_hour"] for item in found["items"]) == [10, 10]


async def test_filters_find_what_they_say(world: World):
    await world.seed(9)
    await world.seed(3, camera="roof")
    failed = a_run(50)
    await world.runs.receive(failed)
    await world.runs.fail(failed.run_id, "no readable image")

    async def count(query: str) -> int:
        return len((await world.json(f"/api/v1/runs?{query}"))["items"])

    assert await count("class=bee") == 4
    assert await count("class=bee,fly&camera=garden-1") == 6
    assert await count("insect=false") == 4
    assert await count("camera=roof") == 3
    assert await count("status=failed") == 1
    assert await count("day=2026-07-01") == 13
    assert await count("day=2026-07-02") == 0
    assert await count("from=2026-07-01T08:00:07Z") == 3
    assert await count("q=fliege") >= 4
    assert await count(f"q={failed.run_id[:12]}") == 1
    assert await count("certainty=unclear") == 0
    assert await count("model=demo@1") == 12


async def test_a_run_comes_with_what_every_model_said(world: World):
    (run,) = await world.seed(1)
    await world.runs.complete(a_verdict(run, "fly", model="other@2", at=START + timedelta(hours=1)))
    body = await world.json(f"/api/v1/runs/{run.run_id}")
    assert body["run"]["result"]["label"] == "fly"
    assert [item["model_id"] for item in body["classifications"]] == ["other@2", "demo@1"]
    assert body["classifications"][0]["images"][0]["top"][0]["label"] == "fly"


@pytest.mark.parametrize("path", ["/api/v1/runs/" + "0" * 32, "/api/v1/runs/x", "/api/v1/runs/..%2f..%2fetc"])
async def test_an_unknown_run_is_a_problem_404(world: World, path: str):
    problem = await world.json(path, 404)
    assert problem["type"].startswith("urn:krabbel:problem:")


async def test_what_cannot_be_understood_is_a_problem_that_says_why(world: World):
    problem = await world.json("/api/v1/runs?colour=red", 400)
    assert "colour: no such parameter here" in problem["detail"]
    assert problem["request_id"]
    assert "day: is missing" in (await world.json("/api/v1/stats/hours", 400))["detail"]


async def test_reading_needs_a_key_with_scope_read(world: World):
    assert (await world.json("/api/v1/runs", 401, {}))["type"] == "urn:krabbel:problem:not-authenticated"
    await world.json("/api/v1/runs", 401, {"access_token": "wrong"})
    upload_only = await world.cameras.issue_key(frozenset({Scope.UPLOAD}), "garden-1", "trap")
    reader = await world.cameras.issue_key(frozenset({Scope.READ}), None, "reader")
    world.client.app[_key_ring()].replace(await world.cameras.keys())
    await world.json("/api/v1/runs", 403, {"access_token": upload_only})
    await world.json("/api/v1/runs", 200, {"access_token": reader})


def _key_ring():
    from services.query.access import KEY_RING

    return KEY_RING


async def test_a_key_of_one_camera_reads_that_camera(world: World):
    await world.seed(2)
    (other,) = await world.seed(1, camera="roof")
    assert len((await world.json("/api/v1/runs", headers=OLD_KEY))["items"]) == 2
    await world.json("/api/v1/runs?camera=roof", 403, OLD_KEY)
    await world.json(f"/api/v1/runs/{other.run_id}", 404, OLD_KEY)
    assert (await world.json("/api/v1/stats/classes?day=2026-07-01", headers=OLD_KEY))["runs"] == 2
    assert (await world.json("/api/v1/stats/classes?day=2026-07-01"))["runs"] == 3


async def test_a_picture_is_public_by_its_address_and_cached_for_ever(world: World):
    data = jpeg(1, exif=True)
    run = a_run(1, data=data)
    image = run.images[0]
    await world.store.put(image.object_key, data, "image/jpeg")
    url = f"/api/v1/images/{run.run_id}/{image.sha256}.jpg"
    async with world.client.get(url) as response:
        body = await response.read()
        assert response.status == 200
        assert response.content_type == "image/jpeg"
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert b"SECRET" in data
        assert b"SECRET" not in body
        etag = response.headers["ETag"]
    async with world.client.get(url, headers={"If-None-Match": etag}) as response:
        assert response.status == 304
        assert not await response.read()
    for asked, expected in (
        ("bytes=0-9", body[:10]),
        ("bytes=10-", body[10:]),
        ("bytes=-5", body[-5:]),
        ("bytes=0-999999", body),
    ):
        async with world.client.get(url, headers={"Range": asked}) as response:
            assert response.status == 206
            assert await response.read() == expected
    async with world.client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'}) as response:
        assert response.status == 200
    async with world.client.get(url, headers={"Range": "bytes=999999-"}) as response:
        assert response.status == 416
    async with world.client.get(url.replace(".jpg", ".png")) as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"


async def test_statistics_count_what_the_lists_show(world: World):
    await world.seed(9)
    # 22:30 UTC is the next day in Berlin
    late = a_run(77, at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    await world.runs.receive(late)
    await world.runs.complete(a_verdict(late, "bee"))
    assert await world.json("/api/v1/days") == {
        "items": [{"day": "2026-07-02", "runs": 1, "insects": 1}, {"day": "2026-07-01", "runs": 9, "insects": 6}]
    }
    hours = (await world.json("/api/v1/stats/hours?day=2026-07-02"))["hours"]
    assert hours[0] == {"hour": 0, "runs": 1, "insects": 1}
    classes = await world.json("/api/v1/stats/classes?day=2026-07-01&camera=garden-1")
    assert classes["camera_id"] == "garden-1"
    assert [(row["label"], row["runs"]) for row in classes["classes"]] == [("bee", 3), ("fly", 3), ("none_bg", 3)]
    assert classes["insects"] == 6


async def test_statistics_of_a_span_are_the_sum_of_its_days(world: World):
    for number in range(40):
        run = a_run(number, at=START + timedelta(days=number, hours=number % 5), duration_s=number + 1.0)
        await world.runs.receive(run)
        await world.runs.complete(a_verdict(run, ("bee", "fly", "none_bg", "bee")[number % 4]))
    span = "from=2026-07-03&to=2026-08-04"
    classes = await world.json(f"/api/v1/stats/classes?{span}")
    assert (classes["runs"], classes["insects"], classes["false_sightings"]) == (33, 24, 9)
    hours = await world.json(f"/api/v1/stats/hours?{span}")
    assert sum(row["runs"] for row in hours["hours"]) == 33
    days = (await world.json(f"/api/v1/stats/days?{span}&camera=garden-1"))["days"]
    assert len(days) == 33
    assert sum(row["runs"] for row in days) == 33
    by_hour = await world.json(f"/api/v1/stats/class-hours?{span}")
    assert sum(sum(row["runs"]) for row in by_hour["classes"]) == 33
    by_day = await world.json(f"/api/v1/stats/class-days?{span}")
    assert sum(sum(row["days"].values()) for row in by_day["classes"]) == 33
    durations = (await world.json(f"/api/v1/stats/durations?{span}"))["classes"]
    assert sum(row["runs"] for row in durations) == 33
    certainty = (await world.json(f"/api/v1/stats/certainty?{span}"))["classes"]
    assert sum(row["sure"] for row in certainty) == 33
    sightings = (await world.json("/api/v1/stats/sightings"))["classes"]
    assert {row["label"]: row["first_day"] for row in sightings} == {
        "bee": "2026-07-01", "fly": "2026-07-02", "none_bg": "2026-07-03",
    }  # fmt: skip
    assert (await world.json("/api/v1/stats/records"))["days_with_insects"] == 30
    compared = await world.json("/api/v1/stats/comparison?day=2026-07-10")
    assert [compared[name]["runs"] for name in ("day", "day_before", "last_week", "last_year")] == [1, 1, 1, 0]
    await world.json("/api/v1/stats/hours?from=2026-07-03", 400)
    await world.json("/api/v1/stats/hours?from=1900-01-01&to=2026-01-01", 400)


async def test_places_are_published_as_coarsely_as_wanted(world: World):
    await world.cameras.add(
        Camera(
            camera_id="garden-1",
            name="Garden 1",
            latitude=51.123456,
            longitude=7.654321,
            coordinate_uncertainty_m=1000,
            created_at=START,
        )
    )
    (camera,) = (await world.json("/api/v1/cameras"))["items"]
    assert camera["latitude"] != 51.123456
    assert abs(camera["latitude"] - 51.123456) < 0.01
    assert abs(camera["longitude"] - 7.654321) < 0.01


async def test_the_old_endpoints_on_an_empty_database(world: World):
    assert await world.json("/data/classification", headers=OLD_KEY) == []
    assert await world.json("/data/tracking_runs", headers=OLD_KEY) == {}
    nothing = {"most_recent_date": None, "most_recent_tracking_run": None}
    assert await world.json("/data/most_recent", headers=OLD_KEY) == nothing
    assert await world.json("/data/most_recent_insect", headers=OLD_KEY) == nothing
    assert await world.json("/data/most_recent_insects", headers=OLD_KEY) == []
    await world.json("/data/most_recent/images", 404, OLD_KEY)
    async with world.client.get("/data/all", headers=OLD_KEY) as response:
        assert zipfile.ZipFile(io.BytesIO(await response.read())).namelist() == ["classification.csv"]


@pytest.mark.parametrize(
    "path", ["classification", "all", "most_recent", "most_recent/images", "2026-07-01/ID1-10-00-01"]
)
async def test_the_old_endpoints_refuse_as_before(world: World, path: str):
    for headers in ({}, {"access_token": "wrong"}):
        assert await world.json(f"/data/{path}", 403, headers) == {"detail": "Could not validate API KEY"}


async def test_the_old_endpoints_have_their_old_shapes(world: World):
    runs = []
    for number, label in enumerate(("bee", "fly", "none_bg")):
        data = jpeg(number)
        run = a_run(number, data=data)
        await world.store.put(run.images[0].object_key, data, "image/jpeg")
        await world.runs.receive(run)
        await world.runs.complete(a_verdict(run, label))
        runs.append(run)
    rows = await world.json("/data/classification", headers=OLD_KEY)
    assert rows[1] == {
        "date": "2026-07-01", "start_time": "09:59:56", "end_time": "10:00:01", "duration_s": 5, "track_ID": 1,
        "track_ID_imgs": 1, "tracking_run_ID": "ID1-10-00-01", "top1": "fly", "top1_prob": 0.9,
    }  # fmt: skip
    assert await world.json("/data/tracking_runs", headers=OLD_KEY) == {
        "2026-07-01": ["ID2-10-00-02", "ID1-10-00-01", "ID0-10-00-00"]
    }
    assert await world.json("/data/most_recent", headers=OLD_KEY) == {
        "most_recent_date": "2026-07-01", "most_recent_tracking_run": "ID2-10-00-02",
    }  # fmt: skip
    assert (await world.json("/data/most_recent_insect", headers=OLD_KEY))["most_recent_tracking_run"] == "ID1-10-00-01"
    assert await world.json("/data/most_recent_insects", headers=OLD_KEY) == [
        {"date": "2026-07-01", "tracking_run_ID": "ID1-10-00-01"},
        {"date": "2026-07-01", "tracking_run_ID": "ID0-10-00-00"},
    ]
    async with world.client.get("/data/2026-07-01/ID1-10-00-01", headers=OLD_KEY) as response:
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        assert archive.testzip() is None
        (name,) = archive.namelist()
        assert name == f"2026-07-01/ID1-10-00-01/{runs[1].images[0].file_name}"
        assert archive.read(name) == jpeg(1)
    async with world.client.get("/data/most_recent/images", headers=OLD_KEY) as response:
        assert zipfile.ZipFile(io.BytesIO(await response.read())).namelist()[0].startswith("2026-07-01/ID2-10-00-02/")
    async with world.client.get("/data/all", headers=OLD_KEY) as response:
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        assert len(archive.namelist()) == 4
        assert archive.read("classification.csv").decode().splitlines()[0].startswith("date,start_time,end_time")
    await world.json("/data/2026-07-01/ID9-10-00-01", 404, OLD_KEY)
    await world.json("/data/today/ID1-10-00-01", 404, OLD_KEY)


async def test_unclear_results_are_found_by_certainty(world: World):
    run = a_run(1)
    await world.runs.receive(run)
    await world.runs.complete(a_verdict(run, "bee", certainty=Certainty.UNCLEAR))
    assert len((await world.json("/api/v1/runs?certainty=unclear"))["items"]) == 1


async def test_the_page_to_try_it_asks_no_other_server(world: World):
    async with world.client.get("/docs") as response:
        page = await response.text()
        assert "http://" not in page
        assert "https://" not in page
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    for name in ("docs.js", "swagger-ui-bundle.js", "swagger-ui.css"):
        async with world.client.get(f"/docs/{name}") as response:
            assert response.status == 200
    document = await world.json("/openapi.json", headers={})
    assert document["openapi"].startswith("3.1")
    assert "TrackingRun" in document["components"]["schemas"]


async def test_lists_come_as_csv_and_ndjson_whole_or_by_page(world: World):
    made = await world.seed(30)
    async with world.client.get("/api/v1/runs", headers={**KEY, "Accept": "text/csv"}) as response:
        assert response.content_type == "text/csv"
        lines = (await response.text()).splitlines()
        assert len(lines) == 31
        assert lines[1].startswith(made[-1].run_id)
    async with world.client.get("/api/v1/runs?format=ndjson", headers=KEY) as response:
        runs = [TrackingRun.model_validate_json(line) for line in (await response.text()).splitlines()]
        assert [run.run_id for run in runs] == [run.run_id for run in reversed(made)]
    async with world.client.get("/api/v1/runs?limit=7", headers={**KEY, "Accept": "text/csv"}) as response:
        assert len((await response.text()).splitlines()) == 8
        assert 'rel="next"' in response.headers["Link"]
    async with world.client.get("/api/v1/stats/classes?day=2026-07-01&format=csv", headers=KEY) as response:
        assert (await response.text()).splitlines()[1] == "bee,true,10,0.333333"
    await world.json("/api/v1/runs", 406, {**KEY, "Accept": "image/png"})


async def test_only_the_fields_that_were_asked_for(world: World):
    (run,) = await world.seed(1)
    body = await world.json("/api/v1/runs?fields=run_id,result.label,local_date")
    assert body["items"] == [{"run_id": run.run_id, "local_date": "2026-07-01", "result": {"label": "bee"}}]
    await world.json("/api/v1/runs?fields=counted", 400)


async def test_an_unchanged_list_is_not_sent_again(world: World):
    await world.seed(3)
    for path in ("/api/v1/runs", "/api/v1/days", "/api/v1/stats/hours?day=2026-07-01"):
        async with world.client.get(path, headers=KEY) as response:
            etag = response.headers["ETag"]
        async with world.client.get(path, headers={**KEY, "If-None-Match": etag}) as response:
            assert response.status == 304
            assert not await response.read()
    await world.seed(1, camera="roof")
    async with world.client.get("/api/v1/runs", headers={**KEY, "If-None-Match": etag}) as response:
        assert response.status == 200


async def test_a_silent_camera_is_not_read_as_no_insects(world: World):
    for name in ("garden-1", "roof"):
        await world.cameras.add(Camera(camera_id=name, name=name, created_at=START))
    # Given one camera that spoke at 23:30 UTC, which is the next day's first hours in Berlin, and saw nothing
    await world.cameras.heard("garden-1", Heartbeat(), datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
    await world.cameras.uploaded("garden-1", datetime(2026, 7, 2, 6, 0, tzinfo=UTC))
    await world.seed(1, camera="roof")
    body = await world.json("/api/v1/stats/uptime?from=2026-07-01&to=2026-07-02")
    heard = {(row["camera_id"], row["day"]): (row["hours_heard"], row["silent"]) for row in body["cameras"]}
    assert heard == {
        ("garden-1", "2026-07-01"): ([], True),
        ("garden-1", "2026-07-02"): ([1, 8], False),
        ("roof", "2026-07-01"): ([10], False),
        ("roof", "2026-07-02"): ([], True),
    }
    await world.json("/api/v1/stats/uptime?from=2026-01-01&to=2026-12-31", 400)


async def test_a_run_comes_as_zip_with_harmless_names(world: World):
    data = jpeg(3, exif=True)
    run = a_run(1, data=data, images=2)
    hostile = run.images[0].model_copy(update={"file_name": "../../etc/passwd"})
    run = run.model_copy(update={"images": (hostile, run.images[1])})
    await world.store.put(hostile.object_key, data, "image/jpeg")
    await world.runs.receive(run)
    async with world.client.get(f"/api/v1/runs/{run.run_id}/images.zip", headers=KEY) as response:
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        # the second picture is gone from the store: what is there still comes
        assert archive.namelist() == ["run.json", "passwd"]
        assert archive.read("passwd") == data
        assert TrackingRun.model_validate_json(archive.read("run.json")) == run
    async with world.client.get(f"/api/v1/runs/{'0' * 32}/images.zip", headers=KEY) as response:
        assert response.status == 404
    # ... and whoever passes it on to people without a key gets pictures without metadata
    as_public = KEY | {"Krabbel-As": "public"}
    async with world.client.get(f"/api/v1/runs/{run.run_id}/images.zip", headers=as_public) as response:
        shown = zipfile.ZipFile(io.BytesIO(await response.read())).read("passwd")
        assert b"Exif" in data
        assert b"Exif" not in shown
        assert Image.open(io.BytesIO(shown)).size == Image.open(io.BytesIO(data)).size


async def test_presigned_addresses_lead_to_the_bytes_that_were_sent_for_a_while_and_only_with_a_key(world: World):
    data = jpeg(5, exif=True)
    run = a_run(1, data=data)
    await world.store.put(run.images[0].object_key, data, "image/jpeg")
    await world.runs.receive(run)
    path = f"/api/v1/runs/{run.run_id}/images"
    # Given the usual addresses, for everyone, and no store that is open to readers: the refusal says what to set
    shown = await world.json(path)
    assert shown["items"][0]["url"].endswith(f"/api/v1/images/{run.run_id}/{run.images[0].sha256}.jpg")
    assert shown["expires_at"] is None
    refused = await world.json(f"{path}?urls=presigned", 409)
    assert "KRABBEL_S3_PUBLIC_ENDPOINT" in refused["detail"]
    # When there is one
    known = world.client.app[SETTINGS]
    settings = known.model_copy(update={"s3_public_endpoint": known.s3_endpoint, "public_read": True})
    async with TestClient(TestServer(create_app(settings))) as client, ClientSession() as anyone:

        async def ask(query: str, status: int = 200, headers: dict[str, str] = KEY):
            async with client.get(f"{path}?{query}", headers=headers) as response:
                assert response.status == status, await response.text()
                assert status != 200 or response.headers["Cache-Control"] == "no-store"
                return await response.json()

        async def fetch(url: str, **headers: str):
            async with anyone.get(URL(url, encoded=True), headers=headers) as response:
                return response.status, await response.read()

        given = await ask("urls=presigned&expires_in=1")
        brief = given["items"][0]["url"]
        long = (await ask("urls=presigned"))["items"][0]["url"]
        # Then they need no key, know ranges, are bound to their object, and end
        assert await fetch(long) == (200, data)
        assert await fetch(long, Range="bytes=0-9") == (206, data[:10])
        assert (await fetch(long.replace(run.run_id, "0" * 32)))[0] == 403
        assert (given["thumbnail"], given["sheet"]) == (None, None)
        await world.store.put(thumbnail_key_of(run.run_id), b"small", "image/webp")
        assert await fetch((await ask("urls=presigned"))["thumbnail"]) == (200, b"small")
        await asyncio.sleep(2.2)
        assert (await fetch(brief))[0] == 403
        # ... and the public, a deputy of the public, and who asks for too long get none
        await ask("urls=presigned", 401, {})
        await ask("urls=presigned", 401, KEY | {"Krabbel-As": "public"})
        await ask("urls=presigned&expires_in=3601", 400)
