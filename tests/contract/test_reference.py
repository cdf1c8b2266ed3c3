"""Generated reference pages are fresh, so that no setting, command, request, message or metric goes undocumented."""

import pytest

from krabbel.reference import FOLDER, PAGES
from krabbel.reference.metrics import declared


@pytest.mark.parametrize("name", PAGES)
def test_page_is_fresh(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run python -m krabbel.reference"


def test_every_metric_says_what_it_means_and_follows_the_conventions() -> None:
    for metric in declared():
        assert metric.meaning, metric.name
        if metric.kind == "counter":
            assert metric.name.endswith("_total"), metric.name
        assert not set(metric.labels) & {"run_id", "path", "url", "request_id"}, metric.name
