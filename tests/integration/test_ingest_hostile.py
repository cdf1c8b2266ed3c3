"""Hostile and heavy input against a real ingest process: no 5xx, nothing left behind, no growth of memory."""

import asyncio
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.support.ingest_process import IngestProcess

pytestmark = [pytest.mark.slow]
BROKEN_INPUTS = int(os.environ.get("KRABBEL_FUZZ_INPUTS", "2000"))
MEMORY_LIMIT = 150 * 1024 * 1024
RELAXED = {"start_wait_seconds": 0, "failed_keys_per_minute": 10_000, "uploads_per_camera": 1000}
NOWHERE = {
    "KRABBEL_AMQP_URL": "amqp://guest:guest@127.0.0.1:9/",
    "KRABBEL_MONGO_URL": "mongodb://127.0.0.1:9/?replicaSet=krabbel",
    "KRABBEL_S3_ENDPOINT": "http://127.0.0.1:9",
    "KRABBEL_API_KEY": "k" * 40,
}


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[IngestProcess]:
    """No stores are needed: what is accepted waits in the spool."""
    process = IngestProcess(NOWHERE, tmp_path)
    yield process
    process.kill()


def picture(size: tuple[int, int] = (64, 64), file_format: str = "JPEG", quality: int = 75) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, file_format, quality=quality)
    return buffer.getvalue()


def part(name: str, data: bytes, filename: str | None = None, more: bytes = b"") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"\r\n' if filename is not None else "\r\n"
    return head.encode() + more + b"\r\n" + data + b"\r\n"


class Fuzzer:
    """Makes requests that are wrong in one or several ways; a seed always makes the same."""

    images = (picture(), picture(file_format="PNG"), picture(file_format="WEBP"))

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def mutilated(self, data: bytes) -> bytes:
        chance, choice = self.random.random(), bytearray(data)
        if chance < 0.3:
            return bytes(choice[: self.random.randrange(len(choice))])
        for _ in range(self.random.randrange(1, 20)):
            position = self.random.randrange(len(choice))
            choice[position : position + self.random.randrange(4)] = self.random.randbytes(self.random.randrange(4))
        return bytes(choice) or b"x"

    def body(self) -> bytes:
        rng = self.random
        parts = [part("start_date", b"2024-05-15 10:00:00"), part("end_date", rng.randbytes(rng.randrange(20)))]
        for number in range(rng.randrange(1, 6)):
            image = rng.choice(self.images)
            data = self.mutilated(image) if rng.random() < 0.7 else image
            more = rng.choice(
                [
                    b"",
                    b"Content-Type: image/jpeg; charset=klingon\r\n",
                    b"Content-Transfer-Encoding: base64\r\n",
                    b"Content-Encoding: gzip\r\n",
                    b"Content-Length: 7\r\n",
                    b"Content-Type: multipart/mixed; boundary=c\r\n",
                    b"X-Long: " + b"y" * rng.randrange(12_000) + b"\r\n",
                ]
            )
            parts.append(part(rng.choice(["files", "run", "", "file\x00"]), data, f"{number}.jpg", more))
        rng.shuffle(parts)
        body = b"".join(parts) + b"--b--\r\n"
        return self.mutilated(body) if rng.random() < 0.5 else body

    def request(self) -> bytes:
        rng = self.random
        body = self.body()
        path = rng.choice(
            [f"/classify/{rng.randrange(99)}", "/classify/%00%ff", "/classify/" + "9" * 200, "/api/v1/runs"]
        )
        length = len(body) if rng.random() < 0.85 else rng.choice([0, len(body) + 5, len(body) // 2])
        headers = [
            f"POST {path} HTTP/1.1\r\nHost: x",
            f"access_token: {NOWHERE['KRABBEL_API_KEY'] if rng.random() < 0.95 else 'no'}",
            rng.choice(["Content-Type: multipart/form-data; boundary=b"] * 12 + [
                "Content-Type: multipart/form-data", "Content-Type: multipart/form-data; boundary=", "X: y",
                "Content-Type: multipart/mixed; boundary=b", "Content-Type: multipart/form-data; boundary=" + "b" * 200,
            ]),
        ]  # fmt: skip
        if rng.random() < 0.1:
            headers.append("Transfer-Encoding: chunked")
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:500], body[500:]) if piece)
            body += b"0\r\n\r\n" if rng.random() < 0.7 else b"zz\r\n"
        else:
            headers.append(f"Content-Length: {length}")
        if rng.random() < 0.05:
            headers.append(rng.choice(["Content-Encoding: gzip", "Content-Encoding: br", "X-Huge: " + "z" * 9000]))
        return "\r\n".join(headers).encode("latin-1", "replace") + b"\r\n\r\n" + body


async def exchange(port: int, request: bytes) -> int:
    """Send a request and return the status; 0 where the connection just ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        line = await asyncio.wait_for(reader.readline(), 60)
    except (ConnectionError, OSError):
        return 0
    finally:
        writer.close()
    return int(line.split()[1]) if line.startswith(b"HTTP/1.") else 0


def memory(ingest: IngestProcess) -> int:
    assert ingest.process is not None
    return psutil.Process(ingest.process.pid).memory_info().rss


async def nothing_left(ingest: IngestProcess) -> None:
    for _ in range(200):
        if not list((ingest.spool / "incoming").iterdir()):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("files of uploads that are over are left")


async def test_thousands_of_broken_uploads_do_no_harm(ingest: IngestProcess) -> None:
    ingest.start(**RELAXED, upload_idle_seconds=1)
    statuses: dict[int, int] = {}

    async def send(seeds: range) -> None:
        for seed in seeds:
            status = await exchange(ingest.port, Fuzzer(seed).request())
            assert status < 500, f"seed {seed} was answered {status}"
            statuses[status] = statuses.get(status, 0) + 1

    third = BROKEN_INPUTS // 3
    await asyncio.gather(*(send(range(start, third, 32)) for start in range(32)))
    before = memory(ingest)
    await asyncio.gather(*(send(range(third + start, BROKEN_INPUTS, 32)) for start in range(32)))

    await nothing_left(ingest)
    assert memory(ingest) - before < 16 * 1024 * 1024, "memory grows"
    assert {200, 415, 422} <= set(statuses), statuses
    assert "Traceback" not in ingest.log.read_text()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (part("files", b"x", "a.jpg") * 10_000 + b"--b--\r\n", 413),
        (part("field", b"x") * 10_000 + b"--b--\r\n", 413),
        (b"--b\r\n" + b"X: y\r\n" * 100_000 + b"\r\n--b--\r\n", 422),
        (b"--b\r\nX-Huge: " + b"y" * 5_000_000 + b"\r\n\r\n--b--\r\n", 422),
        (part("run", b"[" * 500_000, None) + b"--b--\r\n", 422),
        (part("run", b"x" * 2_000_000, None) + b"--b--\r\n", 413),
    ],
    ids=["10000-files", "10000-fields", "100000-headers", "huge-header", "deep-json", "huge-json"],
)
async def test_bodies_that_want_to_exhaust(ingest: IngestProcess, body: bytes, status: int) -> None:
    ingest.start(**RELAXED)
    before = memory(ingest)
    head = (
        f"POST /api/v1/runs HTTP/1.1\r\nHost: x\r\naccess_token: {ingest.key}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    for _ in range(3):
        assert await exchange(ingest.port, head.encode() + body) == status

    await nothing_left(ingest)
    assert memory(ingest) - before < 24 * 1024 * 1024


async def test_fifty_uploads_of_20_mb_stay_under_150_mb(ingest: IngestProcess) -> None:
    """All fifty are half sent at the same time, with images of twelve million pixels among them."""
    ingest.start(**RELAXED, upload_idle_seconds=100)
    frame = picture((4000, 3000), quality=60)
    files = [frame + bytes(20_000_000 - len(frame))] if len(frame) < 20_000_000 else [frame]
    body = part("files", files[0], "frame.jpg") + b"--b--\r\n"
    head = (
        f"POST /classify/1 HTTP/1.1\r\nHost: x\r\naccess_token: {ingest.key}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode()
    peak, all_half_sent = 0, asyncio.Barrier(50)

    async def send(number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        writer.write(head.replace(b"/classify/1", b"/classify/%d" % number))
        for start in range(0, len(body), 1_000_000):
            if start == 10_000_000:
                await all_half_sent.wait()
            writer.write(body[start : start + 1_000_000])
            await writer.drain()
        answer = await reader.readline()
        writer.close()
        return answer

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, memory(ingest))
            await asyncio.sleep(0.02)

    watcher = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(170):
            answers = await asyncio.gather(*(send(number) for number in range(50)))
    finally:
        watcher.cancel()

    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}
    assert ingest.waiting == 50
    assert peak < MEMORY_LIMIT, f"{peak / 1e6:.0f} MB"
