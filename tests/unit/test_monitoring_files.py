"""Alert rules and dashboards are well formed, and name only metrics that our code declares or Prometheus always has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from krabbel.reference.metrics import declared
from tests.support.monitoring import FROM_MONGODB_EXPORTER, ROOT, alert_rules, expressions, metrics_in, panels

ALWAYS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
each_rule = pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
each_dashboard = pytest.mark.parametrize("name", ["operators", "cameras"])


def series() -> Iterator[str]:
    for metric in declared():
        yield metric.name
        if metric.kind == "histogram":
            yield from (f"{metric.name}{end}" for end in ("_bucket", "_sum", "_count"))


@pytest.mark.parametrize("expression", sorted(expressions()))
def test_expression_is_promql_and_names_only_declared_metrics(expression: str) -> None:
    promql_parser.parse(expression)
    found = metrics_in(expression)
    assert found
    assert found <= ALWAYS | FROM_MONGODB_EXPORTER | set(series())


@each_rule
def test_alert_says_what_happened_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert set(rule["annotations"]) == {"summary", "action"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    text = rule["annotations"]["summary"]
    assert text.count("{{") == text.count("}}")


def test_every_matter_of_concern_has_its_alert() -> None:
    names = {rule["alert"] for rule in alert_rules()}
    assert len(names) == len(alert_rules())
    assert {
        *("CameraIsSilent", "QueueIsOld", "DeadLetters", "SpoolGrows", "SpoolDiskRunsOut", "ErrorsAreMany"),
        *("CertificateEnds", "IngestDown"),
    } <= names


@each_dashboard
def test_panels_do_not_overlap_and_ask_the_provisioned_source(name: str) -> None:
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    uid = source["datasources"][0]["uid"]
    places: set[tuple[int, int]] = set()
    for panel in panels(name):
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & places, panel["title"]
        places |= cells
        assert {target["datasource"]["uid"] for target in panel.get("targets", ())} <= {uid}


@each_dashboard
def test_dashboard_is_as_grafana_wants_it(name: str) -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / f"{name}.json").read_text())
    assert dashboard["uid"] == f"krabbel-{name}"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_scrape_configuration_asks_every_service() -> None:
    configuration = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in configuration["scrape_configs"]}
    assert {"ingest", "classifier", "query", "dashboard", "rabbitmq", "mongodb", "minio", "seaweedfs"} <= jobs
    assert configuration["rule_files"] == ["/etc/prometheus/alerts.yml"]
    asked = set(re.findall(r'job=~?"([^"]+)"', " ".join(rule["expr"] for rule in alert_rules())))
    assert {job for names in asked for job in names.split("|")} <= jobs


def test_metrics_in_reads_names_and_not_functions_or_labels() -> None:
    assert metrics_in('sum by (le, job) (rate(a_bucket{x="b_total"}[5m])) / (c_seconds or vector(0)) > 3e5') == {
        "a_bucket",
        "c_seconds",
    }
