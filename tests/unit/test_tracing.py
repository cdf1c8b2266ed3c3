"""A run's id is its trace's id, and nothing is traced unless it is wished for."""

import subprocess
import sys

import pytest

from services.chassis import tracing
from services.chassis.settings import ServiceSettings

RUN = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from services.chassis.tracing_export import _Ids

    exporter, provider = InMemorySpanExporter(), TracerProvider(id_generator=_Ids(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_provider", provider)
    return exporter


def test_without_an_endpoint_nothing_is_traced_or_loaded() -> None:
    program = (
        "import sys; from services.chassis import tracing, web; from services.chassis.settings import ServiceSettings\n"
        "tracing.set_up('x', ServiceSettings())\n"
        f"with tracing.span('{RUN}', 'a'): assert tracing.traceparent('{RUN}') is None\n"
        f"tracing.record('{RUN}', 'a', 1.0); tracing.shut_down()\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PATH": ""})


def test_message_carries_the_span_around_it_and_its_consumer_becomes_a_child(traced) -> None:
    with tracing.span(RUN, "publish"):
        carried = tracing.traceparent(RUN)
    with tracing.span(RUN, "classify", carried), tracing.span(RUN, "write"):
        pass
    publish, write, classify = traced.get_finished_spans()
    assert carried == f"00-{RUN}-{publish.context.span_id:016x}-01"
    assert classify.parent.span_id == publish.context.span_id
    assert write.parent.span_id == classify.context.span_id
    assert {f"{span.context.trace_id:032x}" for span in (publish, write, classify)} == {RUN}


@pytest.mark.parametrize("carried", [None, "", "nonsense", f"00-{'b' * 32}-{'1' * 16}-01", f"00-{RUN}-{'x' * 16}-01"])
def test_without_a_parent_of_its_run_a_span_belongs_to_the_upload(traced, carried: str | None) -> None:
    tracing.record(RUN, "upload", 0.5, first=True)
    with tracing.span(RUN, "classify", carried):
        pass
    upload, classify = traced.get_finished_spans()
    assert upload.parent is None
    assert f"{upload.context.trace_id:032x}" == RUN
    assert upload.end_time - upload.start_time == 500_000_000
    assert classify.parent.span_id == upload.context.span_id == tracing.root_span_id(RUN)


def test_span_of_another_run_around_is_no_parent(traced) -> None:
    other = "f" * 32
    with tracing.span(other, "outer"), tracing.span(RUN, "inner"):
        assert tracing.traceparent(RUN).split("-")[1] == RUN
    inner, _ = traced.get_finished_spans()
    assert inner.parent.span_id == tracing.root_span_id(RUN)


def test_missing_extra_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "services.chassis.tracing_export", None)
    tracing.set_up("x", ServiceSettings(otlp_endpoint="http://127.0.0.1:4318"))
    assert tracing.traceparent(RUN) is None
