"""The page of metrics, read from where they are declared: no service has to be imported, and torch stays away."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"
KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram"}
HEAD = """# Metrics

Each service answers `GET /metrics` for Prometheus, inside the network only: the proxy hides it. No label has unbounded
values. Histograms have `_bucket`, `_sum` and `_count`. This page is generated: `python -m krabbel.reference`.
"""


@dataclass(frozen=True, slots=True, order=True)
class Metric:
    """One declaration."""

    service: str
    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def declared() -> list[Metric]:
    """Return all metrics of all services, by service and name."""
    return sorted(
        metric
        for file in SERVICES.rglob("*.py")
        for metric in _in(ast.parse(file.read_text(encoding="utf-8")), file.relative_to(SERVICES).parts[0])
    )


def _in(module: ast.Module, service: str) -> Iterator[Metric]:
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
            continue
        texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if len(texts) < 2 or not str(texts[0]).startswith("krabbel_"):
            continue
        lists = [argument for argument in node.args if isinstance(argument, (ast.List, ast.Tuple))]
        lists += [
            keyword.value
            for keyword in node.keywords
            if keyword.arg == "labelnames" and isinstance(keyword.value, (ast.List, ast.Tuple))
        ]
        labels = tuple(str(item.value) for found in lists for item in found.elts if isinstance(item, ast.Constant))
        yield Metric(service, str(texts[0]), KINDS[node.func.id], labels, str(texts[1]))


def page() -> str:
    """Return the whole page."""
    text, service = HEAD, ""
    for metric in declared():
        if metric.service != service:
            service = metric.service
            title = "All services" if service == "chassis" else service
            text += f"\n## {title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n"
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        text += f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |\n"
    return text
