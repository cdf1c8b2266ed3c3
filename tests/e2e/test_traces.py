"""One trace per run, from the upload through the queue to the live event, received by a real OTLP endpoint of ours."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from krabbel.stack import BACKENDS
from tests.stack_fixture import running_stack
from tests.support.deployed_trap import send_run
from tests.unit.test_ingest_spool import crop

pytestmark = pytest.mark.stack
EXPECTED = {
    ("krabbel-ingest", "upload"),
    ("krabbel-ingest", "forward objects"),
    ("krabbel-ingest", "forward document"),
    ("krabbel-ingest", "forward publish"),
    ("krabbel-ingest", "forward status"),
    ("krabbel-classifier", "classify"),
    ("krabbel-classifier", "write result"),
    ("krabbel-query", "live event run.received"),
    ("krabbel-query", "live event run.classified"),
}


class Collector(ThreadingHTTPServer):
    """Keeps the spans that it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.spans: dict[tuple[str, str], Span] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            (service,) = [
                item.value.string_value for item in resource.resource.attributes if item.key == "service.name"
            ]
            for scope in resource.scope_spans:
                self.spans |= {(service, span.name): span for span in scope.spans}


class _Receive(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.take(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_run_is_one_trace_from_upload_to_live_event(collector: Collector, tmp_path: Path) -> None:
    services = (*BACKENDS, "ingest", "classifier", "query")
    with running_stack(tmp_path, services, settings={"KRABBEL_OTLP_ENDPOINT": collector.url}) as system:
        now = datetime(2026, 7, 1, 10)  # noqa: DTZ001 - as traps send it
        ingest = f"{system.embedded.urls['ingest']}/classify"
        assert send_run(ingest, system.keys.api, 1, now, now, [("a.jpg", crop(1))]).ok
        deadline = time.monotonic() + 60
        while not collector.spans.keys() >= EXPECTED and time.monotonic() < deadline:
            time.sleep(0.1)
    spans = collector.spans
    assert spans.keys() >= EXPECTED, EXPECTED - spans.keys()

    upload = spans["krabbel-ingest", "upload"]
    assert {spans[name].trace_id for name in EXPECTED} == {upload.trace_id}, "one trace: the run's id"
    assert not upload.parent_span_id
    assert spans["krabbel-ingest", "forward publish"].parent_span_id == upload.span_id
    assert spans["krabbel-query", "live event run.classified"].parent_span_id == upload.span_id
    assert spans["krabbel-classifier", "classify"].parent_span_id == spans["krabbel-ingest", "forward publish"].span_id
    assert spans["krabbel-classifier", "write result"].parent_span_id == spans["krabbel-classifier", "classify"].span_id
