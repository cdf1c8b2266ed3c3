"""The OpenAPI 3.1 document: hand-written paths (``proto/openapi/*.yaml``) and the contracts' own schemas, merged."""

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

import yaml
from pydantic.json_schema import models_json_schema

from proto.administration import IssuedKey, KeyInfo, ModelList
from proto.base import Contract
from proto.camera import Camera
from proto.classification import Classification
from proto.dead import DeadLetters, DeadLettersDone
from proto.export import ExportJob
from proto.job import ClassifyJob
from proto.live import LiveEvent
from proto.problem import Problem
from proto.reclassification import Reclassification, ReclassificationList
from proto.retention import RetentionRules, RetentionState
from proto.run import TrackingRun
from proto.system import SystemState
from proto.taxonomy import TaxonomyEntry
from proto.verification import VerificationAnswer, VerificationRecord, VerificationRequest

CONTRACTS: tuple[type[Contract], ...] = (
    Camera,
    Classification,
    ClassifyJob,
    DeadLetters,
    DeadLettersDone,
    ExportJob,
    IssuedKey,
    KeyInfo,
    LiveEvent,
    ModelList,
    Problem,
    Reclassification,
    ReclassificationList,
    RetentionRules,
    RetentionState,
    SystemState,
    TaxonomyEntry,
    TrackingRun,
    VerificationAnswer,
    VerificationRecord,
    VerificationRequest,
)
REFERENCE = "#/components/schemas/{model}"


class InvalidPart(ValueError):
    """Two files describe the same thing, or one is no part of a document."""


def contract_schemas() -> dict[str, Any]:
    """Return the JSON Schemas of the contracts as they are answered, by name."""
    _, definitions = models_json_schema([(contract, "serialization") for contract in CONTRACTS], ref_template=REFERENCE)
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def parts() -> dict[str, dict[str, Any]]:
    """Return the hand-written parts by the name of the file, in alphabetical order."""
    folder = resources.files("proto").joinpath("openapi")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return {file.name.removesuffix(".yaml"): yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def examples() -> dict[str, dict[str, Any]]:
    """Return, by operation, an example of its answer in JSON (``answer``) and of its body (``body``)."""
    file = resources.files("proto").joinpath("openapi", "examples.json")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _with_examples(operation: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return an operation with what is known put beside its schemas, where no example stands yet."""
    made = dict(operation)
    if "answer" in known:
        made["responses"] = {
            status: _shown(answer, known["answer"]) if status.startswith("2") else answer
            for status, answer in operation["responses"].items()
        }
    if "body" in known and "requestBody" in operation:
        made["requestBody"] = _shown(operation["requestBody"], known["body"])
    return made


def _shown(described: dict[str, Any], example: Any) -> dict[str, Any]:
    content = described.get("content", {})
    known = content.get("application/json")
    if known is None or "example" in known or "examples" in known:
        return described
    return described | {"content": content | {"application/json": known | {"example": example}}}


def merged(documents: Iterable[dict[str, Any]], version: str) -> dict[str, Any]:
    """Return one document of all parts, with the examples.

    Raises:
        InvalidPart: a path or component stands in two parts with different contents.
    """
    paths: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {"schemas": dict(sorted(contract_schemas().items()))}
    tags: list[dict[str, Any]] = []
    for document in documents:
        for path, item in document.get("paths", {}).items():
            overlap = set(item) & set(paths.get(path, {}))
            if overlap:
                raise InvalidPart(f"{path}: {', '.join(sorted(overlap))} is described in two parts")
            paths.setdefault(path, {}).update(item)
        for kind, entries in document.get("components", {}).items():
            held = components.setdefault(kind, {})
            for name, value in entries.items():
                if held.get(name, value) != value:
                    raise InvalidPart(f"components/{kind}/{name} is described in two parts")
                held[name] = value
        tags += [tag for tag in document.get("tags", []) if tag["name"] not in {known["name"] for known in tags}]
    shown = examples()
    for item in paths.values():
        for method, operation in item.items():
            if "operationId" in operation:
                item[method] = _with_examples(operation, shown.get(operation["operationId"], {}))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Krabbel",
            "version": version,
            "summary": "Was krabbelt da? What insect camera traps saw, live, as numbers and as data.",
            "description": (
                "Send your key as `Authorization: Bearer <key>`, or in the header `access_token` as the first "
                "camera traps do. Every refusal is a problem detail (RFC 9457): `type` for programs, `detail` for "
                "people, `request_id` for the operator. Times are UTC; days and hours are the camera's own."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"access_token": []}],
        "tags": tags,
        "paths": dict(sorted(paths.items())),
        "components": components,
    }
