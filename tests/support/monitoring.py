"""Alert rules and dashboards, read; and which metrics an expression asks for."""

import json
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ("operators", "cameras")


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
