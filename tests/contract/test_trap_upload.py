"""What deployed traps send and get, with their own client code; and the new upload beside it. No store is up here."""

import asyncio
import errno
import hashlib
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from proto.problem import PROBLEM_CONTENT_TYPE, Problem
from proto.run import run_id_of
from tests.support.deployed_trap import crop_name, send_run
from tests.support.ingest_service import API_KEY, IngestService, ingest_without_stores

START = datetime(2024, 5, 15, 10, 0, 0, 123456)  # noqa: DTZ001 - naive, as traps are
END = START + timedelta(seconds=9, microseconds=530_865)
BEARER = {"Authorization": f"Bearer {API_KEY}"}


def crop(number: int, width: int = 80) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((width, 80), 20 + number % 80).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


CROPS = [(crop_name(START + timedelta(seconds=number), 17), crop(number)) for number in range(4)]
FORM = {"track_id": 17, "start_date": str(START), "end_date": str(END)}


@pytest.fixture(scope="module")
async def ingest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[IngestService]:
    async with ingest_without_stores(tmp_path_factory.mktemp("ingest")) as service:
        yield service


async def post(url: str, **request: Any) -> requests.Response:
    return await asyncio.to_thread(requests.post, url, timeout=30, **request)


async def post_run(service: IngestService, form: dict[str, Any] | None = None, **request: Any) -> requests.Response:
    files = [("run", (None, json.dumps(FORM if form is None else form), "application/json"))]
    files += [("files", (name, data, "image/jpeg")) for name, data in request.pop("crops", CROPS)]
    return await post(service.runs, files=files, headers={**BEARER, **request.pop("headers", {})}, **request)


def problem_of(answer: requests.Response, status: int, slug: str) -> Problem:
    assert answer.headers["Content-Type"].startswith(PROBLEM_CONTENT_TYPE)
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.type) == (status, status, f"urn:krabbel:problem:{slug}")
    return problem


async def test_deployed_trap_is_answered_as_ever(ingest: IngestService) -> None:
    answer = await asyncio.to_thread(send_run, ingest.classify, API_KEY, 17, START, END, CROPS)

    assert (answer.status_code, answer.content) == (200, b'{"success":true}')
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"


async def test_same_upload_again_is_a_success_and_changes_nothing(ingest: IngestService) -> None:
    await asyncio.to_thread(send_run, ingest.classify, API_KEY, 18, START, END, CROPS)
    before = ingest.ready

    answer = await asyncio.to_thread(send_run, ingest.classify, API_KEY, 18, START, END, CROPS)

    assert answer.status_code == 200
    assert ingest.ready == before


@pytest.mark.parametrize("key", ["", "wrong", "the-predecessors-one-ke", "schlüssel".encode().decode("latin-1")])
async def test_wrong_or_missing_key_gets_the_old_refusal(ingest: IngestService, key: str) -> None:
    headers = {"access_token": key} if key else {}
    answer = await post(f"{ingest.classify}/17", headers=headers, data={"start_date": "x"}, files={"files": CROPS[0]})

    assert (answer.status_code, answer.content) == (403, b'{"detail":"Could not validate API KEY"}')
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"


async def test_bearer_works_at_the_old_endpoint_too(ingest: IngestService) -> None:
    answer = await post(f"{ingest.classify}/19", headers=BEARER, files=[("files", CROPS[0])])

    assert answer.status_code == 200, "even without any time: an insect is never refused because of a clock"


async def test_parts_may_lack_content_types_and_come_in_any_order(ingest: IngestService) -> None:
    boundary = b"x7"
    body = b""
    for name, data in CROPS[:2]:
        body += b'--x7\r\nContent-Disposition: form-data; name="files"; filename="' + name.encode() + b'"\r\n\r\n'
        body += data + b"\r\n"
    body += (
        b'--x7\r\nContent-Disposition: form-data; name="start_date"\r\n\r\n' + str(START).encode() + b"\r\n--x7--\r\n"
    )
    headers = {"access_token": API_KEY, "Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}

    assert (await post(f"{ingest.classify}/20", headers=headers, data=body)).status_code == 200


async def test_broken_crop_among_good_ones_does_not_lose_the_insect(ingest: IngestService) -> None:
    crops = [*CROPS, ("torn.jpg", CROPS[0][1][:300]), ("empty.jpg", b"")]
    before = len(ingest.ready)

    answer = await asyncio.to_thread(send_run, ingest.classify, API_KEY, 21, START, END, crops)

    assert answer.status_code == 200
    assert len(ingest.ready) == before + 1


async def test_old_upload_without_a_usable_image_is_refused_with_detail(ingest: IngestService) -> None:
    answer = await asyncio.to_thread(send_run, ingest.classify, API_KEY, 22, START, END, [("a.jpg", b"hello")])

    assert "a.jpg" in problem_of(answer, 415, "not-an-image").detail
    assert answer.json()["detail"]


async def test_new_upload_is_accepted_with_id_and_links(ingest: IngestService) -> None:
    answer = await post_run(ingest)

    hashes = [hashlib.sha256(data).hexdigest() for _, data in CROPS]
    run_id = run_id_of("garten", "17", FORM["start_date"], FORM["end_date"], hashes)
    body = answer.json()
    assert (answer.status_code, body["run_id"], body["status"]) == (202, run_id, "received")
    assert answer.headers["Location"] == body["links"]["self"] == f"/api/v1/runs/{run_id}"
    assert [image["sha256"] for image in body["images"]] == hashes
    assert body["images"][0]["href"] == f"/api/v1/images/{run_id}/{hashes[0]}.jpg"


async def test_client_may_ask_before_it_sends(ingest: IngestService) -> None:
    form = {**FORM, "track_id": "asks-first"}
    hashes = [hashlib.sha256(data).hexdigest() for _, data in CROPS]
    run_id = run_id_of("garten", "asks-first", FORM["start_date"], FORM["end_date"], hashes)
    ask = {**BEARER, "Krabbel-Run-Id": run_id}

    problem_of(await post(ingest.runs, headers=ask), 404, "run-not-found")
    assert (await post_run(ingest, form, headers=ask)).status_code == 202
    answer = await post(ingest.runs, headers=ask)

    assert (answer.status_code, answer.json()["run_id"], answer.json()["duplicate"]) == (200, run_id, True)


async def test_expect_continue_is_answered_before_the_body_when_the_run_is_here(ingest: IngestService) -> None:
    run_id = (await post_run(ingest, {**FORM, "track_id": "expects"})).json()["run_id"]
    head = (
        f"POST /api/v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\nKrabbel-Run-Id: {run_id}\r\n"
        "Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n"
    )
    known = await raw(ingest, head.encode())
    unknown = await raw(ingest, head.replace(run_id, "0" * 32).encode())
    stranger = await raw(ingest, head.replace(API_KEY, "nobody").encode())
    nonsense = await raw(ingest, head.replace(run_id, "nonsense").encode())

    assert known.startswith(b"HTTP/1.1 200 ")
    assert unknown.startswith(b"HTTP/1.1 100 ")
    assert stranger.startswith(b"HTTP/1.1 401 ")
    assert nonsense.startswith(b"HTTP/1.1 400 ")


async def test_bytes_changed_on_the_way_are_noticed(ingest: IngestService) -> None:
    answer = await post_run(ingest, headers={"Krabbel-Run-Id": "0" * 32})

    problem_of(answer, 422, "invalid-upload")


async def test_idempotency_key_spares_the_second_upload(ingest: IngestService) -> None:
    first = await post_run(ingest, {**FORM, "track_id": "once"}, headers={"Idempotency-Key": "abc"})
    second = await post(ingest.runs, headers={**BEARER, "Idempotency-Key": "abc"})

    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["run_id"] == first.json()["run_id"]


@pytest.mark.parametrize(
    ("form", "crops", "status", "slug"),
    [
        ({}, CROPS, 422, "invalid-upload"),
        (FORM, [], 422, "invalid-upload"),
        (FORM, [("a.jpg", b"hello")], 415, "not-an-image"),
        (FORM, [*CROPS, ("empty.jpg", b"")], 415, "not-an-image"),
        (FORM, [*CROPS, ("torn.jpg", CROPS[0][1][:400])], 415, "not-an-image"),
        ({**FORM, "camera_id": "not-mine"}, CROPS, 403, "not-allowed"),
    ],
)
async def test_refusals_of_the_new_upload(
    ingest: IngestService, form: dict[str, Any], crops: list[tuple[str, bytes]], status: int, slug: str
) -> None:
    before = ingest.ready

    problem_of(await post_run(ingest, form, crops=crops), status, slug)

    assert ingest.ready == before
    assert not ingest.leftovers


async def test_missing_key_at_the_new_endpoint(ingest: IngestService) -> None:
    answer = await post(ingest.runs, data=b"x")

    problem_of(answer, 401, "not-authenticated")
    assert "Bearer" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\nabc",
        ),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n--y--"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--x--",
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A" * 20_000 + b"\r\n\r\n--x--"),
        ("multipart/form-data; boundary=" + "x" * 80, b"--" + b"x" * 80 + b"--\r\n"),
        ("text/plain; charset=klingon", b"\xff\xfe"),
    ],
)
async def test_broken_bodies_are_refused_and_leave_nothing(
    ingest: IngestService, content_type: str, body: bytes
) -> None:
    for url in (ingest.runs, f"{ingest.classify}/1"):
        answer = await post(url, headers={**BEARER, "Content-Type": content_type}, data=body)

        assert 400 <= answer.status_code < 500, answer.text
        Problem.model_validate_json(answer.content)
    assert not ingest.leftovers


async def test_client_that_hangs_up_in_the_middle_leaves_nothing(ingest: IngestService) -> None:
    before = ingest.ready
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
    writer.write(
        f"POST /classify/1 HTTP/1.1\r\nHost: x\r\naccess_token: {API_KEY}\r\nContent-Length: 900000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'.encode()
        + b"a" * 300_000
    )
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.close()
    del reader
    for _ in range(100):
        if not ingest.leftovers:
            break
        await asyncio.sleep(0.02)

    assert not ingest.leftovers
    assert ingest.ready == before


async def test_ready_while_every_store_is_away(ingest: IngestService) -> None:
    answer = await asyncio.to_thread(requests.get, f"{ingest.url}/readyz", timeout=30)

    assert (answer.status_code, answer.json()["checks"]["spool"]) == (200, "ok")


async def test_readyz_says_that_runs_wait(ingest: IngestService) -> None:
    await asyncio.to_thread(send_run, ingest.classify, API_KEY, 77, START, END, CROPS)
    for _ in range(100):
        note = (await asyncio.to_thread(requests.get, f"{ingest.url}/readyz", timeout=30)).json()["notes"]["stores"]
        if "wait in the spool" in note:
            break
        await asyncio.sleep(0.1)

    assert "wait in the spool; uploads are taken" in note


async def test_heartbeat_is_refused_for_another_camera_and_for_nonsense(ingest: IngestService) -> None:
    base = f"{ingest.url}/api/v1/cameras"

    problem_of(await post(f"{base}/meadow/heartbeat", headers=BEARER, json={}), 403, "not-allowed")
    bad = await post(f"{base}/garten/heartbeat", headers=BEARER, json={"battery_percent": 400})
    problem_of(bad, 400, "bad-request")
    problem_of(await post(f"{base}/garten/heartbeat", headers=BEARER, json={}), 503, "unavailable")


async def raw(service: IngestService, head: bytes) -> bytes:
    """Send bytes and return the first that come back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(head)
    try:
        return await asyncio.wait_for(reader.read(2000), 10)
    finally:
        writer.close()


async def test_each_limit_has_its_own_answer(tmp_path: Path) -> None:
    limits = {"upload_max_file_bytes": 20_000, "upload_max_run_bytes": 40_000, "upload_max_files": 5}
    async with ingest_without_stores(tmp_path, upload_max_pixels=10_000, **limits) as service:
        for crops, word in (
            ([("big.jpg", b"x" * 20_001)], "20000 bytes"),
            ([(f"{number}.jpg", crop(number) + b"\0" * 10_000) for number in range(4)], "40000 bytes"),
            ([("x.jpg", b"y")] * 6, "5 files"),
            ([("wide.jpg", crop(1, 200))], "pixels"),
        ):
            answer = await post_run(service, crops=crops)
            assert word in problem_of(answer, 413, "upload-too-large").detail
        huge = await raw(
            service,
            f"POST /classify/1 HTTP/1.1\r\nHost: x\r\naccess_token: {API_KEY}\r\nContent-Length: 99999999\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode(),
        )
        assert huge.startswith(b"HTTP/1.1 413 "), "said before the bytes come"
        assert not service.leftovers
        assert service.spool.room.used == 0


async def test_silent_client_is_sent_away(tmp_path: Path) -> None:
    head = (
        f"POST /classify/1 HTTP/1.1\r\nHost: x\r\naccess_token: {API_KEY}\r\nContent-Length: 5000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    async with ingest_without_stores(tmp_path, upload_idle_seconds=0.2) as service:
        answer = await raw(service, head.encode())

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"Connection: close" in answer
        assert not service.leftovers


async def test_trickling_client_does_not_hold_its_place_for_ever(tmp_path: Path) -> None:
    head = (
        f"POST /classify/1 HTTP/1.1\r\nHost: x\r\naccess_token: {API_KEY}\r\nContent-Length: 50000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    )
    async with ingest_without_stores(tmp_path, upload_seconds=0.5, upload_idle_seconds=0.3) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(head.encode())
        answer = asyncio.create_task(reader.readline())
        for _ in range(200):
            if answer.done():
                break
            writer.write(b"drop")
            await asyncio.sleep(0.05)

        assert (await answer).startswith(b"HTTP/1.1 408 ")
        assert not service.leftovers
        writer.close()


async def test_disk_that_is_full_in_the_middle_of_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with ingest_without_stores(tmp_path) as service:
        for broken in ("pwrite", "fsync"):
            with monkeypatch.context() as patch:
                patch.setattr(f"services.ingest.entry_file.os.{broken}", full)
                answer = await asyncio.to_thread(send_run, service.classify, API_KEY, 1, START, END, CROPS)
            problem_of(answer, 503, "spool-full")
            assert not service.leftovers
            assert not service.ready
            assert service.spool.room.used == 0
        answer = await asyncio.to_thread(send_run, service.classify, API_KEY, 1, START, END, CROPS)
        assert answer.status_code == 200


async def test_full_spool_says_when_to_come_again(tmp_path: Path) -> None:
    async with ingest_without_stores(tmp_path, spool_bytes=1024 * 1024) as service:
        service.spool.room.claim(1024 * 1024 - 1000)

        answer = await asyncio.to_thread(send_run, service.classify, API_KEY, 1, START, END, CROPS)

        problem_of(answer, 503, "spool-full")
        assert int(answer.headers["Retry-After"]) > 0
        assert not service.leftovers
        service.spool.room.release(1024 * 1024 - 1000)
        answer = await asyncio.to_thread(send_run, service.classify, API_KEY, 1, START, END, CROPS)
        assert answer.status_code == 200


async def test_too_many_wrong_keys_from_one_address(tmp_path: Path) -> None:
    async with ingest_without_stores(tmp_path, failed_keys_per_minute=3) as service:
        for number in range(3):
            answer = await post(service.runs, headers={"access_token": f"guess-{number}"})
            problem_of(answer, 401, "not-authenticated")
        answer = await post(service.runs, headers={"access_token": "guess-4"})

        problem_of(answer, 429, "too-many-requests")
        assert int(answer.headers["Retry-After"]) > 0
        elsewhere = {"access_token": "guess-5", "X-Forwarded-For": "203.0.113.7"}
        problem_of(await post(service.runs, headers=elsewhere), 401, "not-authenticated")


async def test_more_uploads_than_places_get_429(tmp_path: Path) -> None:
    head = (
        f"POST /classify/1 HTTP/1.1\r\nHost: x\r\naccess_token: {API_KEY}\r\nContent-Length: 5000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    async with ingest_without_stores(tmp_path, uploads_per_camera=1, upload_wait_seconds=0.1) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(head.encode())
        await asyncio.sleep(0.1)

        answer = await asyncio.to_thread(send_run, service.classify, API_KEY, 1, START, END, CROPS)

        problem_of(answer, 429, "too-many-requests")
        writer.close()
        del reader


async def test_stored_run_survives_a_restart_with_its_time_of_receipt(tmp_path: Path) -> None:
    async with ingest_without_stores(tmp_path) as service:
        await asyncio.to_thread(send_run, service.classify, API_KEY, 1, START, END, CROPS)
        accepted_at = datetime.now(UTC)
        files = service.ready
    async with ingest_without_stores(tmp_path) as service:
        assert service.ready == files
        entry = next(iter(service.spool._known.values()))
        with await service.spool.read(entry) as reader:
            assert abs(reader.manifest.run.received_at - accepted_at) < timedelta(seconds=10)
            assert [reader.read_image(part) for part in reader.manifest.slices] == [data for _, data in CROPS]
