"""The description and the service agree: every route is described, and everything described is there."""

import re

import orjson
from aiohttp import web

from services.ingest.app import create_app as create_ingest
from services.ingest.settings import IngestSettings
from services.query.app import create_app
from services.query.openapi import merged, parts
from services.query.settings import QuerySettings

UNDESCRIBED = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/{name}"} | {
    "/embed/{name}",
    "/embed/{widget}",
}


def routes_of(app: web.Application) -> set[tuple[str, str]]:
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        path = re.sub(r"\{(\w+):[^/]*?\}(?=[/.]|$)", r"{\1}", route.resource.canonical)
        if path not in UNDESCRIBED and not path.startswith("/internal/") and route.method != "HEAD":
            found.add((route.method.lower(), path))
    return found


def described(*names: str) -> set[tuple[str, str]]:
    found = parts()
    paths = [(path, item) for name in names for path, item in found[name]["paths"].items()]
    return {(method, path) for path, item in paths for method in item if method != "parameters"}


def test_every_route_of_query_is_described_and_the_other_way_round():
    names = [name for name in parts() if not name.startswith("ingest")]
    assert routes_of(create_app(QuerySettings())) == described(*names)


def test_every_route_of_ingest_is_described_and_the_other_way_round():
    assert routes_of(create_ingest(IngestSettings())) == described(
        *(name for name in parts() if name.startswith("ingest"))
    )


def test_every_reference_leads_somewhere():
    document = merged(parts().values(), "1")
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', orjson.dumps(document).decode())):
        target = document
        for step in reference.split("/"):
            target = target[step.replace("~1", "/")]
        assert target


def test_every_operation_has_a_name_a_summary_and_a_refusal_of_its_own_kind():
    names = []
    for path, item in merged(parts().values(), "1")["paths"].items():
        for operation in item.values():
            names.append(operation["operationId"])
            assert operation["summary"], path
    assert len(names) == len(set(names))
