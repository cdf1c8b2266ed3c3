"""OpenTelemetry's SDK, and only here: spans go in batches to an OTLP/HTTP endpoint. Imported where traces are on."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

TIMEOUT_S = 5

_trace_id: ContextVar[int | None] = ContextVar("trace_id", default=None)
_span_id: ContextVar[int | None] = ContextVar("span_id", default=None)


class _Ids(IdGenerator):
    """Random ids, but where the caller says which."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        return _trace_id.get() or self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        return _span_id.get() or self._random.generate_span_id()


@contextmanager
def ids(trace_id: int | None, span_id: int | None) -> Iterator[None]:
    """Give the next span these ids."""
    before = _trace_id.set(trace_id), _span_id.set(span_id)
    try:
        yield
    finally:
        _trace_id.reset(before[0])
        _span_id.reset(before[1])


def provider(service: str, endpoint: str) -> TracerProvider:
    """Return a provider that sends to ``endpoint`` (the collector's address, without /v1/traces)."""
    made = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource.create({"service.name": f"krabbel-{service}", "service.namespace": "krabbel"}),
        id_generator=_Ids(),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=TIMEOUT_S)
    made.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    return made
