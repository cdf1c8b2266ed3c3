"""Sixteen traps upload while everything is killed in turn; then a ledger of all answers is held against the stores.

`make chaos` runs the whole programme (each part killed twice, then all three stores gone for 60 s); the ordinary test
run takes a shorter one. KRABBEL_CHAOS=full chooses it here.
"""

import asyncio
import hashlib
import io
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import requests
from PIL import Image

from krabbel.stack import BACKENDS, EmbeddedStack
from proto.run import RunStatus
from services.chassis.settings import BackendSettings
from tests.stack_fixture import CONTAINERS, RunningStack, running_stack
from tests.support.deployed_trap import crop_name, send_run
from tests.support.ingest_process import Stores, open_stores

FULL = os.environ.get("KRABBEL_CHAOS") == "full"
TRAPS = 16
ROUNDS = 2 if FULL else 1
BETWEEN_S = 8.0 if FULL else 2.0
ALL_GONE_S = 60.0 if FULL else 5.0
PAUSE_S = 0.1
DRAIN_S = 240.0

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CONTAINERS, reason="kills servers, which only the embedded stack allows"),
]


@dataclass(slots=True)
class Sent:
    """One upload as its trap knows it."""

    track_id: int
    hashes: frozenset[str]
    answer: int = 0
    """HTTP status; 0: the connection broke, so nobody knows"""


@dataclass(slots=True)
class Ledger:
    """What all traps sent and were answered."""

    entries: list[Sent] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, entry: Sent) -> None:
        with self.lock:
            self.entries.append(entry)

    @property
    def accepted(self) -> dict[int, Sent]:
        return {entry.track_id: entry for entry in self.entries if entry.answer == 200}

    @property
    def answers(self) -> Counter[int]:
        return Counter(entry.answer for entry in self.entries)


def crops(rng: random.Random) -> list[bytes]:
    """Return some JPEGs that no other run has."""
    images = []
    for _ in range(rng.randrange(1, 6)):
        buffer = io.BytesIO()
        Image.frombytes("RGB", (48, 48), rng.randbytes(48 * 48 * 3)).save(buffer, "JPEG")
        images.append(buffer.getvalue())
    return images


def trap(number: int, endpoint: str, key: str, ledger: Ledger, stop: threading.Event) -> None:
    """A deployed trap: it sends each run once and forgets it, whatever the answer was."""
    rng = random.Random(number)
    count = 0
    while not stop.is_set():
        count += 1
        track_id = number * 1_000_000 + count
        end = datetime.now().replace(microsecond=rng.randrange(10**6))  # noqa: DTZ005 - naive, as traps are
        images = crops(rng)
        named = [(crop_name(end + timedelta(microseconds=index), track_id), data) for index, data in enumerate(images)]
        sent = Sent(track_id, frozenset(hashlib.sha256(data).hexdigest() for data in images))
        try:
            sent.answer = send_run(endpoint, key, track_id, end - timedelta(seconds=3), end, named).status_code
        except requests.RequestException:
            sent.answer = 0
        ledger.note(sent)
        stop.wait(PAUSE_S)


def programme(stack: EmbeddedStack) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what happens, in order."""

    def kill(name: str) -> None:
        stack.kill(name)
        stack.wait_until_up(name)

    def all_gone() -> None:
        for name in BACKENDS:
            stack.kill(name, stay_down=True)
        time.sleep(ALL_GONE_S)
        for name in BACKENDS:
            stack.restart(name)

    for _ in range(ROUNDS):
        for name in ("ingest", *BACKENDS):
            yield f"kill -9 {name}", partial(kill, name)
    yield f"all three stores gone for {ALL_GONE_S:g} s", all_gone


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("chaos"), services=(*BACKENDS, "ingest")) as running:
        yield running


def wreak_havoc(running: RunningStack, ledger: Ledger) -> None:
    """Let the traps send while the programme goes on; return when all stores are up again."""
    stack, stop = running.embedded, threading.Event()
    endpoint = f"{stack.urls['ingest']}/classify"
    traps = [
        threading.Thread(target=trap, args=(number, endpoint, running.keys.api, ledger, stop), daemon=True)
        for number in range(1, TRAPS + 1)
    ]
    for thread in traps:
        thread.start()
    try:
        time.sleep(BETWEEN_S)
        for what, happens in programme(stack):
            print(f"{len(ledger.entries):6} uploads, {dict(ledger.answers)}; now: {what}", flush=True)  # noqa: T201
            happens()
            time.sleep(BETWEEN_S)
        for name in ("ingest", *BACKENDS):
            stack.wait_until_up(name)
        time.sleep(BETWEEN_S)
    finally:
        stop.set()
        for thread in traps:
            thread.join(90)


async def until_drained(spool: Path) -> float:
    started = time.monotonic()
    while waiting := len(list((spool / "ready").glob("*.run"))):
        assert time.monotonic() - started < DRAIN_S, f"{waiting} runs are in the spool still"
        await asyncio.sleep(0.2)
    return time.monotonic() - started


async def test_no_accepted_run_is_lost_or_doubled_whatever_dies(mortal: RunningStack) -> None:
    ledger = Ledger()
    await asyncio.to_thread(wreak_havoc, mortal, ledger)
    spool = Path(mortal.env["KRABBEL_SPOOL_DIR"])
    seconds = await until_drained(spool)
    names = {name.removeprefix("KRABBEL_").lower(): value for name, value in mortal.env.items()}
    settings = BackendSettings(**{name: names[name] for name in BackendSettings.model_fields if name in names})
    async with open_stores(settings) as stores:
        await compare(ledger, stores)
    print(f"{dict(ledger.answers)}; the spool was empty {seconds:.1f} s after the last upload")  # noqa: T201
    assert not list((spool / "broken").iterdir())
    assert not list((spool / "incoming").iterdir())


async def compare(ledger: Ledger, stores: Stores) -> None:
    """Hold the ledger against the database, the object store and the queue."""
    accepted, sent = ledger.accepted, {entry.track_id: entry for entry in ledger.entries}
    assert len(accepted) > 20 * ROUNDS, f"too few uploads to prove anything: {ledger.answers}"
    assert set(ledger.answers) <= {0, 200}, "an upload was refused"
    runs = await stores.runs()
    stored = Counter(int(run.tracking_id) for run in runs)

    assert [track for track in accepted if track not in stored] == [], "lost"
    assert [track for track, count in stored.items() if count > 1] == [], "doubled"
    assert [track for track in stored if track not in sent] == [], "invented"
    for run in runs:
        assert run.status is RunStatus.QUEUED
        assert {image.sha256 for image in run.images} == sent[int(run.tracking_id)].hashes
    objects = await stores.objects()
    for run in runs:
        for image in run.images:
            assert objects.get(image.object_key) == image.sha256, "bytes differ, or are gone"
    jobs = await stores.take_jobs(runs[0].camera_id)
    assert {job.run_id for job in jobs} == {run.run_id for run in runs}, "a run without a job"
