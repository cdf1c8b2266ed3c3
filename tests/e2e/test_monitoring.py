"""What alert rules and dashboards ask for exists in the running system."""

from collections.abc import Iterator

import pytest
import requests
from motor.motor_asyncio import AsyncIOMotorClient
from prometheus_client.parser import text_string_to_metric_families

from tests.support.monitoring import FROM_MONGODB_EXPORTER, expressions, metrics_in

pytestmark = pytest.mark.stack
FROM_PROMETHEUS = {"up"}
"""Prometheus makes it itself."""
ENDS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def series(text: str) -> Iterator[str]:
    for family in text_string_to_metric_families(text):
        yield from (family.name + end for end in ENDS.get(family.type, ("",)))


def test_every_metric_of_a_rule_or_dashboard_exists(krabbel_system):
    urls = krabbel_system.embedded.urls
    services = ("ingest", "query", "dashboard", "classifier-1")
    texts = {name: requests.get(f"{urls[name]}/metrics", timeout=10).text for name in services}
    there = {name for text in texts.values() for name in series(text)}

    asked = set().union(*(metrics_in(expression) for expression in expressions()))
    assert not asked - there - FROM_PROMETHEUS - FROM_MONGODB_EXPORTER

    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(texts["ingest"])
        for sample in family.samples
    }
    assert values["krabbel_ingest_spool_disk_free_bytes"] > 0
    assert values["krabbel_ingest_spool_limit_bytes"] > 0
    assert values["krabbel_ingest_watched_timestamp_seconds"] > 0, "queues and cameras were looked at"


async def test_mongod_tells_what_its_exporter_makes_figures_of(krabbel_system):
    client = AsyncIOMotorClient(krabbel_system.env["KRABBEL_MONGO_URL"])
    status = await client.admin.command("serverStatus")
    assert {"current", "available"} <= status["connections"].keys()
    members = (await client.admin.command("replSetGetStatus"))["members"]
    assert [member["health"] for member in members] == [1.0]
    oplog = await client.local.command("collStats", "oplog.rs")
    assert 0 < oplog["size"] <= oplog["maxSize"]
    client.close()
