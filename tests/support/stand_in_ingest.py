"""A stand-in for ingest that can fail on demand: 503, a connection cut in the middle, a login page, and so on.

Python 3.9, as the trap client that it is for. What ingest really says is tested in tests/integration.
"""

from __future__ import annotations

import email
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from krabbel_trap.run import run_id_of
from PIL import Image

KEY = "krabbel_test"
CAMERA = "garden"


class StandIn:
    """What the server has, what it was asked, and what it does next (``plan``: one word per upload)."""

    def __init__(self, port: int = 0) -> None:
        self.plan: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.stored: list[str] = []
        self.uploads = 0
        self.asked = 0
        self.beats: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.idempotency: dict[str, str] = {}
        self.key = KEY
        outer = self

        class Handler(_Handler):
            stand_in = outer

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def take(self, form: dict[str, Any], images: list[tuple[str, bytes]], key: str | None) -> str:
        """Store a run as ingest would."""
        import hashlib

        hashes = [hashlib.sha256(data).hexdigest() for _, data in images]
        run_id = run_id_of(CAMERA, form["tracking_id"], form["started_at"], form["ended_at"], hashes)
        self.stored.append(run_id)
        self.runs[run_id] = {"form": form, "images": images}
        if key:
            self.idempotency[key] = run_id
        return run_id


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer all requests."""
        server, length = self.stand_in, int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Authorization") != f"Bearer {server.key}" and "access_token" not in self.headers:
            self.rfile.read(length)
            return self._problem(401, "not-authenticated", "This key is not known.")
        if self.path.endswith("/heartbeat"):
            server.beats.append(json.loads(self.rfile.read(length)))
            return self._answer(200, {"status": "noted"})
        key = self.headers.get("Idempotency-Key")
        known = self.headers.get("Krabbel-Run-Id") or server.idempotency.get(key or "")
        if length == 0:
            server.asked += 1
            if known in server.runs:
                return self._answer(200, {"run_id": known, "camera_id": CAMERA, "duplicate": True})
            return self._problem(404, "run-not-found", "We do not have this run. Send it.")
        server.times.append(time.monotonic())
        word, _, rest = (server.plan.pop(0) if server.plan else "ok").partition(":")
        server.uploads += 1
        if word == "cut":
            self.rfile.read(length // 2)
            self.close_connection = True
            return None
        body = self.rfile.read(length)
        if len(body) < length:  # the client died
            self.close_connection = True
            return None
        if word == "503":
            return self._problem(503, "unavailable", "The spool is full.", {"Retry-After": rest} if rest else {})
        if word in ("413", "415", "422", "500"):
            return self._problem(int(word), "refused", rest or "no")
        if word == "portal":
            return self._answer(200, "<html>Welcome to Hotel Wi-Fi</html>")
        form, images = _parse(self.headers["Content-Type"], body)
        if self.path.startswith("/classify/"):
            form = {"tracking_id": self.path.rpartition("/")[2], "started_at": form["start_date"], **form}
            server.take(dict(form, ended_at=form["end_date"]), images, None)
            return self._answer(200, {"success": True})
        run_id = server.take(json.loads(form["run"]), images, key)
        if word == "cut-after":
            self.close_connection = True
            return None
        return self._answer(202, {"run_id": run_id, "camera_id": CAMERA, "status": "queued"})

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _problem(self, status: int, slug: str, detail: str, headers: dict[str, str] | None = None) -> None:
        self._answer(status, {"type": f"urn:krabbel:problem:{slug}", "status": status, "detail": detail}, headers)


def _parse(content_type: str, body: bytes) -> tuple[dict[str, str], list[tuple[str, bytes]]]:
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    images: list[tuple[str, bytes]] = []
    for part in message.get_payload():
        disposition = part["Content-Disposition"]
        name = re.search(r'name="([^"]*)"', disposition)[1]
        file_name = re.search(r'filename="([^"]*)"', disposition)
        data = part.get_payload(decode=True)
        if file_name:
            images.append((file_name[1], data))
        else:
            fields[name] = data.decode()
    return fields, images


@contextmanager
def stand_in(port: int = 0) -> Iterator[StandIn]:
    """Run one on a free port of loopback."""
    server = StandIn(port)
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join(5)


def jpeg(number: int) -> bytes:
    """Return a small picture that no other number has."""
    buffer = io.BytesIO()
    color = (number * 37 % 256, number * 91 % 256, number // 256 * 53 % 256)
    Image.new("RGB", (48, 48), color).save(buffer, "JPEG", comment=str(number).encode())
    return buffer.getvalue()
