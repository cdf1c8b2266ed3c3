"""Alert rules and dashboards, read; and which metrics an expression asks for."""

import json
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ("operators", "cameras")
FROM_MONGODB_EXPORTER = {
    "mongodb_up",
    "mongodb_ss_connections",
    "mongodb_rs_members_health",
    "mongodb_mongod_replset_oplog_head_timestamp",
    "mongodb_mongod_replset_oplog_tail_timestamp",
    "mongodb_oplog_stats_size",
    "mongodb_oplog_stats_maxSize",
}
"""Those of percona/mongodb_exporter, which could not be run where this was written (no image, no package).

Their names were looked up on 24 November 2026: in the exporter's README and test data (``mongodb_up``,
``all_get_diagnostic_data.json``: ``mongodb_oplog_stats_*``), in Grafana's page on it (``mongodb_ss_connections`` with
``conn_type``), and in public rules and dashboards that use its compatible mode (the oplog's timestamps, health). What
it makes them of is asked of the real mongod in tests/e2e/test_monitoring.py.
"""


def alert_rules() -> list[dict[str, Any]]:
    """Return all alert rules."""
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels(name: str) -> list[dict[str, Any]]:
    """Return the panels of a dashboard."""
    found: list[dict[str, Any]] = json.loads((ROOT / "deploy/grafana/dashboards" / f"{name}.json").read_text())[
        "panels"
    ]
    return found


def expressions() -> set[str]:
    """Return all expressions of rules and dashboards."""
    asked = {target["expr"] for name in DASHBOARDS for panel in panels(name) for target in panel.get("targets", ())}
    return asked | {rule["expr"] for rule in alert_rules()}


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics that an expression asks for."""
    found: set[str] = set()
    _walk(promql_parser.parse(expression), found)
    return found


def _walk(node: Any, found: set[str]) -> None:
    selector = getattr(node, "vector_selector", node)
    if isinstance(selector, promql_parser.VectorSelector):
        found.add(selector.name)
        return
    for part in ("expr", "lhs", "rhs", "param"):
        if (child := getattr(node, part, None)) is not None:
            _walk(child, found)
    for child in getattr(node, "args", None) or ():
        _walk(child, found)
