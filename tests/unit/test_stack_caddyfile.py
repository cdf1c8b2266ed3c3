"""The proxy's one file: valid with and without its variables, and each address goes where it should."""

import http.client
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from krabbel.stack.embedded import EmbeddedStack
from krabbel.stack.programs import from_environment_of_python
from krabbel.stack.proxy import CADDYFILE

SERVICES = ("ingest", "query", "dashboard")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"KRABBEL_SITE": "krabbel.example.org", "KRABBEL_CADDY_OPTIONS": "email you@example.org"},
        {"KRABBEL_SITE": "http://:8123", "KRABBEL_CADDY_OPTIONS": "auto_https off\n\tdefault_bind 127.0.0.1"},
        {"KRABBEL_INGEST": "ingest-1:8080 ingest-2:8080"},
    ],
    ids=["bare", "production", "embedded", "several upstreams"],
)
def test_caddyfile_is_valid(variables: dict[str, str], tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("KRABBEL_")}
    env |= {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), **variables}
    caddy = from_environment_of_python("caddy")
    for command in (["validate", "--adapter", "caddyfile", "--config"], ["fmt", "--diff"]):
        done = subprocess.run([caddy, *command, str(CADDYFILE)], env=env, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr or done.stdout


class Echo(BaseHTTPRequestHandler):
    """Answers with the name of the service that it plays."""

    protocol_version = "HTTP/1.1"
    name = ""

    def answer(self) -> None:
        """Say who we are; at /api/v1/live as a stream that stays open."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        live = self.path.startswith("/api/v1/live")
        body = self.name.encode() + b" " * (0 if live else 2000)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if live else "text/plain")
        if not live:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.wfile.flush()
        if live:
            time.sleep(1)
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, ThreadingHTTPServer]]]:
    """The real proxy with three upstreams that say their names."""
    with EmbeddedStack(tmp_path_factory.mktemp("proxy"), ("proxy",)) as stack:
        upstreams: dict[str, ThreadingHTTPServer] = {}
        for name in SERVICES:
            handler = type(name, (Echo,), {"name": name})
            upstreams[name] = ThreadingHTTPServer(("127.0.0.1", stack.port(name)), handler)
            threading.Thread(target=upstreams[name].serve_forever, daemon=True).start()
        yield stack.port("proxy"), upstreams
        for server in upstreams.values():
            server.shutdown()
            server.server_close()


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body = b"x" * 100 if method in ("POST", "PUT", "PATCH") else None
        connection.request(
            method, path, body=body, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("POST", "/classify/17", "ingest"),
        ("POST", "/api/v1/runs", "ingest"),
        ("PUT", "/api/v1/cameras/garden", "ingest"),
        ("PATCH", "/api/v1/cameras/garden", "ingest"),
        ("DELETE", "/api/v1/cameras/garden", "ingest"),
        ("POST", "/api/v1/exports", "query"),
        ("GET", "/api/v1/exports/7", "query"),
        ("DELETE", "/api/v1/exports/7", "query"),
        ("GET", "/api/v1/runs", "query"),
        ("OPTIONS", "/api/v1/runs", "query"),
        ("GET", "/api/v1/live", "query"),
        ("GET", "/data/2026", "query"),
        ("GET", "/docs", "query"),
        ("GET", "/docs/swagger.css", "query"),
        ("GET", "/openapi.json", "query"),
        ("GET", "/embed/live", "query"),
        ("GET", "/healthz", "query"),
        ("GET", "/", "dashboard"),
        ("GET", "/ueber", "dashboard"),
        ("GET", "/documents", "dashboard"),
    ],
)
def test_who_writes_goes_to_ingest_who_reads_to_query_who_looks_to_the_dashboard(
    proxy: tuple[int, dict[str, ThreadingHTTPServer]], method: str, path: str, service: str
) -> None:
    status, headers, body = ask(proxy[0], method, path)
    assert (status, body.strip().decode()) == (200, service)
    assert headers["x-content-type-options"] == "nosniff"
    assert ("frame-ancestors 'self'" in headers.get("content-security-policy", "")) != path.startswith("/embed/")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/internal/sessions",
        "/internal/sessions/check",
        "/internal",
        "/INTERNAL/sessions",
        "/%69nternal/sessions",
        "/./internal/sessions",
        "/api/../internal/sessions",
        "/api/v1/../../internal/sessions",
        "/embed/%2e%2e/internal/sessions",
        "/api/v1/exports/../../../internal/sessions",
        "//internal/sessions",
        "/docs//../internal/sessions",
    ],
)
def test_no_way_from_outside_leads_between_the_services(
    proxy: tuple[int, dict[str, ThreadingHTTPServer]], method: str, path: str
) -> None:
    status, _, body = ask(proxy[0], method, path)
    assert (status, body.strip()) != (200, b"query"), "query answers /internal/"
    assert status in (404, 200)


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_internal_pages_are_not_shown(proxy: tuple[int, dict[str, ThreadingHTTPServer]], path: str) -> None:
    status, headers, _ = ask(proxy[0], "GET", path)
    assert (status, headers["content-type"]) == (404, "application/problem+json")


def test_answers_are_compressed_and_live_events_are_not_held_back(
    proxy: tuple[int, dict[str, ThreadingHTTPServer]],
) -> None:
    assert ask(proxy[0], "GET", "/api/v1/runs", Accept_Encoding="gzip")[1]["content-encoding"] == "gzip"
    connection = http.client.HTTPConnection("127.0.0.1", proxy[0], timeout=10)
    connection.request("GET", "/api/v1/live", headers={"Accept-Encoding": "gzip, zstd"})
    began = time.monotonic()
    answer = connection.getresponse()
    assert answer.getheader("Content-Encoding") is None
    assert answer.read(5) == b"query"
    assert time.monotonic() - began < 0.8, "the first event arrives while the stream is still open"
    connection.close()


def test_an_absent_service_is_answered_with_a_problem_that_says_when_to_come_back(
    tmp_path: Path,
) -> None:
    with EmbeddedStack(tmp_path, ("proxy",)) as stack:
        status, headers, body = ask(stack.port("proxy"), "GET", "/")
    assert status == 503
    assert headers["content-type"] == "application/problem+json"
    assert int(headers["retry-after"]) > 0
    assert b'"status":503' in body
