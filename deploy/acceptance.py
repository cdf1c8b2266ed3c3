"""The acceptance test of a running Krabbel, wherever it runs: ``python -m deploy.acceptance http://localhost:8000``.

It is a deployed trap and a reader: uploads runs with drawn insects, waits until they are classified, reads them back
and follows the live stream. The key is that of ``--key``, KRABBEL_API_KEY, or API_KEY in the compose file's ``.env``.
Prints a table; exit code 1 where something was not as it should be. The runs stay, with the key's camera.
"""

import argparse
import hashlib
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from krabbel.simulator.drawing import draw_run

LABELS = ("bee_bombus", "wasp", "lepi", "beetle_cocci", "hfly_episyr")
FRAMES = 5
ENV_FILE = Path(__file__).resolve().parents[1] / ".env"


@dataclass
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded."""
        return json.loads(self.body)


class Door:
    """The one address of a Krabbel."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = base.rstrip("/"), key

    def ask(self, path: str, *, key: str | None = None, data: bytes | None = None, **headers: str) -> Answer:
        """Ask for ``path``; by GET, or by POST with ``data``. ``key``: instead of our own; empty: none."""
        sent = {name.replace("__", "-"): value for name, value in headers.items()}
        key = self.key if key is None else key
        if key:
            sent["access_token" if data else "Authorization"] = key if data else f"Bearer {key}"
        request = urllib.request.Request(self.base + path, data=data, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())


def upload(door: Door, track: int, label: str, *, key: str | None = None) -> tuple[Answer, set[str]]:
    """Send one run as a deployed trap does; return the answer and the pictures' hashes."""
    end = datetime.now()  # noqa: DTZ005  # the wall clock of a camera, without a zone: so do traps in the field
    start = end - timedelta(seconds=FRAMES)
    pictures = [frame.jpeg_bytes() for frame in draw_run(label, track, FRAMES)]
    boundary = uuid.uuid4().hex
    body = bytearray()
    for name, value in (("start_date", start), ("end_date", end), ("duration_s", FRAMES)):
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for number, picture in enumerate(pictures):
        file = f"{start + timedelta(seconds=number):%Y-%m-%d_%H-%M-%S-%f}_ID{track}_crop.jpg"
        head = f'Content-Disposition: form-data; name="files"; filename="{file}"\r\nContent-Type: image/jpeg'
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + picture + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    answer = door.ask(f"/classify/{track}", key=key, data=bytes(body), Content__Type=kind)
    return answer, {hashlib.sha256(picture).hexdigest() for picture in pictures}


class LiveStream(threading.Thread):
    """Follows ``/api/v1/live`` and keeps what it says."""

    def __init__(self, door: Door) -> None:
        super().__init__(daemon=True)
        self.opened, self.said = threading.Event(), ""
        self._request = urllib.request.Request(
            f"{door.base}/api/v1/live", headers={"Authorization": f"Bearer {door.key}"}
        )

    def run(self) -> None:
        """Read until the connection ends."""
        try:
            with urllib.request.urlopen(self._request, timeout=60) as answer:
                self.opened.set()
                for line in answer:
                    self.said += line.decode()
        except OSError as error:
            self.said += f"(ended: {error})"


class Acceptance:
    """The steps, in order; what one finds out the next ones use."""

    def __init__(self, door: Door, runs: int, timeout_s: float) -> None:
        self._door, self._runs, self._timeout_s = door, runs, timeout_s
        first = int(time.time()) % 10**8 * 100  # tracks of earlier tests are others
        self._tracks = {str(first + number): LABELS[number % len(LABELS)] for number in range(runs)}
        self._hashes: dict[str, set[str]] = {}
        self._done: dict[str, dict[str, Any]] = {}
        self._live = LiveStream(door)

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return name and work of each; work returns what was seen, and raises AssertionError."""
        return [
            ("the proxy answers", self._healthy),
            ("figures of the services stay inside", self._hidden),
            ("the dashboard is served", self._dashboard),
            ("the live stream opens", self._follow),
            ("a wrong key is refused as ever", self._refused),
            (f"{self._runs} runs are taken in", self._upload),
            ("all are classified", self._classified),
            ("the pictures are those that were sent", self._pictures),
            ("the live stream told of each", self._told),
            ("the day's numbers know them", self._counted),
        ]

    def _healthy(self) -> str:
        answer = self._door.ask("/healthz")
        assert answer.status == 200, f"{answer.status} {answer.body[:80]!r}"
        return "200"

    def _hidden(self) -> str:
        assert self._door.ask("/metrics").status == 404
        return "404"

    def _dashboard(self) -> str:
        answer = self._door.ask("/", key="")
        assert answer.status == 200, answer.status
        assert b"Krabbel" in answer.body
        assert "default-src 'self'" in answer.headers.get("Content-Security-Policy", ""), "no content policy"
        return f"{len(answer.body)} bytes"

    def _follow(self) -> str:
        self._live.start()
        assert self._live.opened.wait(10), self._live.said
        return "open"

    def _refused(self) -> str:
        answer, _ = upload(self._door, 1, "ant", key="wrong")
        assert (answer.status, answer.json()) == (403, {"detail": "Could not validate API KEY"}), answer.status
        return "403"

    def _upload(self) -> str:
        slowest = 0.0
        for track, label in self._tracks.items():
            began = time.monotonic()
            answer, self._hashes[track] = upload(self._door, int(track), label)
            slowest = max(slowest, time.monotonic() - began)
            assert (answer.status, answer.json()) == (200, {"success": True}), f"{answer.status} {answer.body[:120]!r}"
        return f"slowest {slowest:.2f} s"

    def _classified(self) -> str:
        deadline = time.monotonic() + self._timeout_s
        while True:
            found = self._door.ask(f"/api/v1/runs?limit={min(500, self._runs + 20)}").json()["items"]
            self._done = {run["tracking_id"]: run for run in found if run["tracking_id"] in self._tracks}
            states = [run["status"] for run in self._done.values()]
            if states.count("classified") == self._runs:
                break
            assert time.monotonic() < deadline, f"{states.count('classified')} of {self._runs} after the time"
            time.sleep(0.5)
        right = sum(self._done[track]["result"]["label"] == label for track, label in self._tracks.items())
        return f"{right} of {self._runs} with the class that was drawn"

    def _pictures(self) -> str:
        count = 0
        for track, run in self._done.items():
            assert {image["sha256"] for image in run["images"]} == self._hashes[track], track
            path = run["images"][0]["object_key"].removeprefix("runs/")
            served = self._door.ask(f"/api/v1/images/{path}")
            assert hashlib.sha256(served.body).hexdigest() == run["images"][0]["sha256"], path
            count += len(run["images"])
        return f"{count}"

    def _told(self) -> str:
        missing = {run["run_id"] for run in self._done.values()}
        deadline = time.monotonic() + 10
        while missing and time.monotonic() < deadline:
            missing = {run_id for run_id in missing if run_id not in self._live.said}
            time.sleep(0.2)
        assert not missing, f"{len(missing)} not told"
        return f"{len(self._done)}"

    def _counted(self) -> str:
        days = {run["local_date"] for run in self._done.values()}
        camera = next(iter(self._done.values()))["camera_id"]
        asked = (self._door.ask(f"/api/v1/stats/classes?day={day}&camera={camera}").json() for day in days)
        counted = sum(answer["runs"] for answer in asked)
        assert counted >= self._runs, f"{counted} of {self._runs}"
        return f"{counted} runs of camera {camera}"


def key_from(env_file: Path) -> str:
    """Return the key in a ``.env`` of Compose; empty where there is none."""
    if not env_file.exists():
        return ""
    lines = (line.partition("=") for line in env_file.read_text().splitlines())
    return next((value.strip().strip('"') for name, _, value in lines if name == "API_KEY"), "")


def main() -> int:
    """Return 0 where all was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="address of the proxy: http://localhost:8000")
    parser.add_argument("--key", default=os.environ.get("KRABBEL_API_KEY", ""), help="a camera's key, or API_KEY")
    parser.add_argument("--runs", type=int, default=5, help="runs to upload")
    parser.add_argument("--timeout", type=float, default=120, help="longest wait for their classification, seconds")
    asked = parser.parse_args()
    door = Door(asked.base, asked.key or key_from(ENV_FILE))
    good = True
    for name, work in Acceptance(door, asked.runs, asked.timeout).steps():
        began = time.monotonic()
        try:
            seen, passed = work(), True
        except Exception as error:  # each step tells for itself
            seen, passed = f"{type(error).__name__}: {error}"[:160], False
        good = good and passed
        print(f"{'ok' if passed else 'FAILED':7}{time.monotonic() - began:6.1f} s  {name}: {seen}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
