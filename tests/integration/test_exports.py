"""Exports on real servers: streamed, and for those who may not see everything."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from proto.camera import Scope
from services.chassis.runs import to_document
from services.query.exports.reader import ExportReader
from services.query.exports.registry import EXPORTS
from services.query.run_filter import RunFilter
from tests.support.camtrap_package import faults, table, validate
from tests.support.camtrap_reference import tables
from tests.support.export_items import (
    VARIED_CAMERAS,
    a_camera,
    a_context,
    unpacked,
    varied_items,
    verdict_document,
)
from tests.support.export_world import KEY, World, export_world
from tests.support.seeds import a_run, a_verdict

pytestmark = pytest.mark.stack


@pytest.fixture
async def world(backends) -> AsyncIterator[World]:
    async with export_world(backends.env) as found:
        yield found


async def test_every_format_is_streamed_with_its_name_and_type(world: World):
    await world.seed(8, pictures=True)
    for name, wanted in EXPORTS.items():
        async with world.client.get(f"/api/v1/exports/{name}", headers=KEY) as response:
            body = await response.read()
            assert response.status == 200, body
            assert response.headers["Content-Type"] == wanted.media_type
            assert response.headers["Content-Disposition"].startswith('attachment; filename="krabbel-')
            assert body


async def test_camtrap_package_from_the_database_is_valid(world: World, tmp_path: Path):
    await world.seed(1100)  # more than two batches
    folder = unpacked(await world.get("/api/v1/exports/camtrap-dp"), tmp_path)
    assert validate(folder)[0] == []
    assert list(faults(folder)) == []
    observations = table(folder, "observations")
    assert len(observations) == 1100 * 3
    assert sum(row["observationType"] == "unclassified" for row in observations) == 0


async def test_quick_way_through_the_database_gives_the_bytes_of_the_plain_way(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.query.exports.reader.BATCH", 10)  # several batches, fetched ahead
    # Given runs of every kind: odd clocks, people's words, twins, broken pictures, foreign classes
    await world.database.cameras.delete_many({})
    for camera in VARIED_CAMERAS:
        await world.cameras.add(camera)
    for item in varied_items():
        await world.database.runs.insert_one(to_document(item.run))
        if item.verdict is not None:
            await world.database.classifications.insert_one(verdict_document(item))
    # When they are read as contracts, which every other format does, and as flat rows
    reader = ExportReader(world.database)
    items = [item async for batch in reader.batches(RunFilter(), per_image=True) for item in batch]
    folder = unpacked(await world.get("/api/v1/exports/camtrap-dp"), tmp_path)
    # Then the tables are the same
    media, observations = tables(items, a_context(*VARIED_CAMERAS))
    assert len(items) == len(varied_items())
    assert (folder / "media.csv").read_bytes().decode() == media
    assert (folder / "observations.csv").read_bytes().decode() == observations
    # ... and who goes away in the middle leaves nothing running behind
    before = asyncio.all_tasks()
    async with aclosing(reader.events(RunFilter())) as batches:
        assert len(await anext(batches)) == 10
        assert len(await anext(batches)) == 10
    assert asyncio.all_tasks() <= before


async def test_picture_that_no_model_could_read_says_why(world: World, tmp_path: Path):
    run = a_run(1, images=2)
    verdict = a_verdict(run)
    broken = verdict.images[1].model_copy(update={"top": (), "error": "no JPEG"})
    await world.runs.receive(run)
    await world.runs.complete(verdict.model_copy(update={"images": (verdict.images[0], broken)}))
    folder = unpacked(await world.get("/api/v1/exports/camtrap-dp"), tmp_path)
    _, good, bad = table(folder, "observations")
    assert (good["observationType"], good["scientificName"]) == ("animal", "Hymenoptera")
    assert (bad["observationType"], bad["observationComments"]) == ("unclassified", "no JPEG")


async def test_selection_is_that_of_the_list(world: World):
    await world.seed(8)
    lines = (await world.get("/api/v1/exports/csv?class=bee&from=2026-07-01&to=2026-07-01")).splitlines()
    assert len(lines) == 1 + 2
    assert len((await world.get("/api/v1/exports/csv?day=2026-07-02")).splitlines()) == 1
    assert b"clas: no such parameter" in await world.get("/api/v1/exports/csv?clas=bee", status=400)
    assert b"is no export format" in await world.get("/api/v1/exports/xls", status=404)


async def test_pictures_come_without_their_metadata(world: World):
    await world.seed(3, pictures=True)
    with zipfile.ZipFile(io.BytesIO(await world.get("/api/v1/exports/zip"))) as archive:
        assert archive.testzip() is None
        pictures = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]
    assert len(pictures) == 3
    assert not any(b"SECRET MAKER" in picture for picture in pictures)


async def test_coarse_cameras_stay_coarse_in_every_format(world: World, tmp_path: Path):
    await world.cameras.add(a_camera("secret-1", coordinate_uncertainty_m=2000.0))
    await world.seed(4, "secret-1")
    found = await asyncio.gather(
        *(world.get(f"/api/v1/exports/{name}?camera=secret-1") for name in ("camtrap-dp", "dwca", "ndjson"))
    )
    for number, data in enumerate(found[:2]):
        for file in unpacked(data, tmp_path / str(number)).iterdir():
            assert "52.3906" not in file.read_text(encoding="utf-8")
    assert b"52.39" not in found[2]
    rows = pq.read_table(io.BytesIO(await world.get("/api/v1/exports/parquet?camera=secret-1"))).to_pylist()
    assert rows[0]["latitude"] != 52.390612


async def test_camera_without_coordinates_is_refused_before_anything_is_sent(world: World):
    await world.cameras.add(a_camera("nowhere-1", latitude=None, longitude=None))
    await world.get("/api/v1/exports/camtrap-dp")  # it has no runs yet: no reason to refuse
    await world.seed(1, "nowhere-1")
    assert b"'nowhere-1' has no coordinates" in await world.get("/api/v1/exports/camtrap-dp", status=409)
    assert "has no coordinates" in await world.start(409, format="camtrap-dp")
    await world.get("/api/v1/exports/camtrap-dp?camera=garden-1")
    await world.get("/api/v1/exports/dwca?camera=nowhere-1")


async def test_keys_of_one_camera_export_that_one(world: World):
    await world.cameras.add(a_camera("roof-1"))
    await world.seed(4)
    await world.seed(2, "roof-1")
    key = await world.cameras.issue_key(frozenset({Scope.READ}), "roof-1", "roof")
    roof = {"Authorization": f"Bearer {key}"}
    assert len((await world.get("/api/v1/exports/csv", headers=roof)).splitlines()) == 1 + 2
    await world.get("/api/v1/exports/csv?camera=garden-1", status=403, headers=roof)
    path = await world.start(headers=roof, format="csv")
    assert (await world.ended(path)).runs_written == 2
    everybody = await world.start(format="csv")
    await world.get(everybody, status=404, headers=roof)
    await world.get(f"{everybody}/download", status=404, headers=roof)
    await world.get("/api/v1/exports/csv", status=401, headers={})
    await world.start(401, headers={}, format="csv")
