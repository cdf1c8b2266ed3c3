"""OpenTelemetry traces: one trace per tracking run, from its upload to the live event. Off unless an endpoint is set.

A run's id has 128 bits, as many as a trace's: it *is* the trace's id, and the first span's id is made of it. So every
service can add to a run's trace, also where nothing carries a context: behind the spool, behind a change stream, after
a restart. In AMQP headers `traceparent` goes along all the same, as W3C wants it, and makes the consumer's span the
publisher's child.

Without an endpoint nothing of OpenTelemetry is imported, and every function here returns at once.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.chassis.logging import get_logger
from services.chassis.settings import ServiceSettings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

TRACEPARENT = "traceparent"
FLUSH_MS = 3000
Attribute = str | int | float
log = get_logger(__name__)

# Like logging, tracing is the process's, set up once at its start and never exchanged.
_provider: "TracerProvider | None" = None


def set_up(service: str, settings: ServiceSettings) -> None:
    """Begin to trace, if an endpoint is set."""
    global _provider
    if not settings.otlp_endpoint:
        return
    try:
        from services.chassis.tracing_export import provider
    except ImportError:
        log.error("KRABBEL_OTLP_ENDPOINT is set, but the extra `otel` is not installed: no traces")
        return
    _provider = provider(service, settings.otlp_endpoint)
    log.info("traces are on")


def shut_down() -> None:
    """Send what is left, and trace no more."""
    global _provider
    if _provider is not None:
        _provider.force_flush(FLUSH_MS)
        _provider.shutdown()
        _provider = None


def root_span_id(run_id: str) -> int:
    """Return the id of a run's first span, the upload."""
    return int.from_bytes(hashlib.sha256(f"upload {run_id}".encode()).digest()[:8]) or 1


@contextmanager
def span(run_id: str, name: str, traceparent: str | None = None, **attributes: Attribute) -> Iterator[None]:
    """Trace what is done within.

    Its parent is the span around it, if that belongs to the same run, else that of ``traceparent``, else the upload.
    """
    if _provider is None:
        yield
        return
    tracer = _provider.get_tracer("krabbel")
    with tracer.start_as_current_span(name, _context(run_id, traceparent), attributes=attributes):
        yield


def record(run_id: str, name: str, seconds: float, *, first: bool = False, **attributes: Attribute) -> None:
    """Trace what took ``seconds`` and ends now; ``first``: it is the upload, to which all else belongs."""
    if _provider is None:
        return
    from services.chassis.tracing_export import ids

    end = time.time_ns()
    tracer = _provider.get_tracer("krabbel")
    with ids(int(run_id, 16), root_span_id(run_id)) if first else ids(None, None):
        made = tracer.start_span(
            name,
            None if first else _context(run_id, None),
            attributes=attributes,
            start_time=end - round(max(0.0, seconds) * 1e9),
        )
    made.end(end)


def traceparent(run_id: str) -> str | None:
    """Return what a message about the run carries on, by W3C Trace Context; None while nothing is traced."""
    if _provider is None:
        return None
    from opentelemetry import trace

    here = trace.get_current_span().get_span_context()
    parent = here.span_id if here.trace_id == int(run_id, 16) else root_span_id(run_id)
    return f"00-{run_id}-{parent:016x}-01"


def _context(run_id: str, carried: str | None) -> "Context":
    from opentelemetry import trace
    from opentelemetry.context import Context

    trace_id = int(run_id, 16)
    around = trace.get_current_span()
    if around.get_span_context().trace_id == trace_id:
        return trace.set_span_in_context(around, Context())
    parent = root_span_id(run_id)
    parts = (carried or "").split("-")
    if len(parts) == 4 and parts[1] == run_id and len(parts[2]) == 16:
        try:
            parent = int(parts[2], 16) or parent
        except ValueError:
            parent = root_span_id(run_id)
    remote = trace.SpanContext(trace_id, parent, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())
