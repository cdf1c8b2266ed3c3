"""Embeds on real servers: no key, the same numbers for everybody, and news without asking."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientTimeout

from proto.camera import Camera
from services.query.access import SETTINGS
from services.query.routes_embeds import EMBEDS
from tests.integration.test_query_api import World, world
from tests.support.seeds import START, a_run, a_verdict

pytestmark = pytest.mark.stack
__all__ = ["world"]


async def news(response, *wanted: str) -> dict[str, dict]:
    """Return the next message of each kind."""
    found: dict[str, dict] = {}
    kind = ""
    async with asyncio.timeout(15):
        while set(wanted) - set(found):
            line = (await response.content.readline()).decode().strip()
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                found[kind] = json.loads(line[6:])
    return found


async def test_a_new_visitor_and_the_days_counts_reach_an_open_page_without_a_key(world: World):
    now = datetime.now(UTC)
    await world.cameras.add(
        Camera(camera_id="garden-1", name="Garten", latitude=52.39, longitude=13.09, credit="RBB", created_at=now)
    )
    before = await world.json("/embed/data.json", headers={})
    assert (before["counts"]["insects"], before["latest"]) == (0, None)
    async with world.client.get("/embed/live", timeout=ClientTimeout()) as response:
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        run = a_run(1, at=now)
        await world.runs.receive(run)
        await world.runs.complete(a_verdict(run, "lepi"))
        told = await news(response, "visit", "day")
    assert (told["visit"]["name_de"], told["visit"]["credit"]) == ("Schmetterling", "RBB")
    assert told["day"]["insects"] == 1
    after = await world.json("/embed/data.json", headers={})
    assert (after["counts"]["insects"], after["latest"]["label"]) == (1, "lepi")
    assert "52.39" not in json.dumps([told, after])


async def test_an_old_run_with_a_new_verdict_is_no_new_visitor(world: World):
    await world.seed(2, ("bee",))
    latest = (await world.json("/embed/data.json", headers={}))["latest"]
    await world.runs.complete(a_verdict(a_run(0), "wasp", model="demo@2"))
    await asyncio.sleep(1.5)
    assert (await world.json("/embed/data.json", headers={}))["latest"] == latest


async def test_switched_off_restricted_and_only_for_named_sites(world: World):
    await world.seed(1)
    settings = world.client.app[SETTINGS]
    async with world.client.get("/embed/counter?lang=en", headers={"Origin": "https://a.example"}) as response:
        assert response.status == 200
        assert "frame-ancestors *" in response.headers["Content-Security-Policy"]
    object.__setattr__(settings, "embed_sites", "https://a.example https://b.example")
    for origin, allowed in (("https://a.example", "https://a.example"), ("https://evil.example", None)):
        async with world.client.get("/embed/data.json", headers={"Origin": origin}) as response:
            assert response.headers.get("Access-Control-Allow-Origin") == allowed
    world.client.app[EMBEDS]._allowed = frozenset({"garden-9"})
    await world.json("/embed/data.json?camera=garden-1", 404, headers={})
    object.__setattr__(settings, "embeds", False)
    for path in ("counter", "data.json", "live", "embed.js"):
        assert (await world.json(f"/embed/{path}", 404, headers={}))["type"].endswith("embeds-are-off")


async def test_a_newcomer_is_a_story_with_its_evidence(world: World):
    for number in range(8):
        run = a_run(number, at=START + timedelta(days=number))
        await world.runs.receive(run)
        await world.runs.complete(a_verdict(run, "lepi" if number == 7 else "fly"))
    body = await world.json("/api/v1/stories?lang=de")
    (story,) = body["items"]
    assert (story["kind"], story["label"], story["day"]) == ("newcomer", "lepi", "2026-07-08")
    assert story["sentence"].endswith("zum ersten Mal überhaupt ein Schmetterling zu Besuch.")
    assert [run["result"]["label"] for run in (await world.json(f"/api/v1/runs?{story['evidence']}"))["items"]] == [
        "lepi"
    ]
    assert (await world.json("/api/v1/stories?day=2026-07-07"))["items"] == []
