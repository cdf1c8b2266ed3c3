"""The description and the service agree: every route is described, and everything described is there."""

import re

import orjson
from aiohttp import web
from jsonschema import Draft202012Validator

from services.ingest.app import create_app as create_ingest
from services.ingest.settings import IngestSettings
from services.query.app import create_app
from services.query.openapi import examples, merged, parts
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


def test_every_answer_in_json_has_an_example_that_fits_its_description():
    document = merged(parts().values(), "1")
    shown = 0
    for path, item in document["paths"].items():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                known = answer.get("content", {}).get("application/json")
                if not status.startswith("2") or known is None:
                    continue
                example = known.get("example", next(iter(known.get("examples", {}).values()), {}).get("value"))
                assert example is not None, f"{operation['operationId']} ({path}) has no example"
                schema = {"components": document["components"], **known.get("schema", {})}
                wrong = [error.message for error in Draft202012Validator(schema).iter_errors(example)]
                assert not wrong, (operation["operationId"], wrong)
                shown += 1
    assert shown > 40


def test_examples_are_of_operations_that_there_are():
    document = merged(parts().values(), "1")
    assert set(examples()) <= {
        operation["operationId"] for item in document["paths"].values() for operation in item.values()
    }
