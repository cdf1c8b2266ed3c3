"""The generated documents are fresh and valid."""

import json
from pathlib import Path

import jsonschema
import pytest

from proto.generate import FOLDER, asyncapi, stale


def test_generated_files_are_fresh():
    assert stale() == [], "run python -m proto.generate"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_each_schema_is_valid_json_schema(path: Path):
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_every_reference_in_the_asyncapi_document_leads_somewhere():
    document = asyncapi()

    def references(node):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            for value in node.values():
                yield from references(value)

    found = list(references(document))
    assert found
    for reference in found:
        if reference.startswith("schemas/"):
            assert (FOLDER.parent / reference).exists(), reference
            continue
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
