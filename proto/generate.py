"""Write the JSON Schemas and the AsyncAPI 3 document from the models: ``python -m proto.generate [--check]``.

They are checked in, so that programs in other languages need no Python; a test (tests/contract) runs ``--check``.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from proto.base import Contract
from proto.camera import ApiKey, Camera, Heartbeat
from proto.classification import Classification, ImageClassification, RunResult
from proto.export import ExportJob
from proto.job import JOB_TYPE, JOB_VERSION, VERSION_HEADER, ClassifyJob
from proto.live import LiveEvent
from proto.problem import Problem
from proto.retention import RetentionRules, RetentionState, RetentionSweep
from proto.run import ImageReference, TrackingRun
from proto.taxonomy import TaxonomyEntry
from proto.verification import Verification, VerificationAnswer, VerificationRecord, VerificationRequest

FOLDER = Path(__file__).parent / "schemas"
MODELS: tuple[type[Contract], ...] = (
    ApiKey,
    Camera,
    Classification,
    ClassifyJob,
    ExportJob,
    Heartbeat,
    ImageClassification,
    ImageReference,
    LiveEvent,
    Problem,
    RetentionRules,
    RetentionState,
    RetentionSweep,
    RunResult,
    TaxonomyEntry,
    TrackingRun,
    Verification,
    VerificationAnswer,
    VerificationRecord,
    VerificationRequest,
)


def schema_of(model: type[Contract]) -> dict[str, Any]:
    """Return a model's JSON Schema (2020-12), as readers see it."""
    schema = TypeAdapter(model).json_schema(mode="serialization", ref_template="#/$defs/{model}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document of the queues and of the live stream."""

    def message(
        name: str, model: type[Contract], summary: str, headers: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": name,
            "summary": summary,
            "contentType": "application/json",
            "payload": {"$ref": f"schemas/{model.__name__}.json"},
        }
        return body | ({"headers": headers} if headers else {})

    job_headers = {
        "type": "object",
        "required": [VERSION_HEADER],
        "properties": {
            VERSION_HEADER: {"type": "integer", "const": JOB_VERSION},
            "traceparent": {"type": "string", "description": "W3C Trace Context; only while traces are on."},
        },
    }
    job = {"$ref": "#/components/messages/classifyJob"}
    queue = {"amqp": {"is": "queue", "queue": {"durable": True, "exclusive": False, "autoDelete": False}}}

    def channel(address: str, description: str) -> dict[str, Any]:
        return {
            "address": address,
            "description": description,
            "messages": {"classifyJob": job},
            "bindings": queue,
        }

    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Krabbel's messages",
            "version": str(JOB_VERSION),
            "description": (
                f"AMQP messages carry the type {JOB_TYPE!r} in the property `type` and their version in the header "
                f"`{VERSION_HEADER}`. Unknown fields are ignored; unknown types and versions are parked, not lost."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {
            "classify": channel("krabbel.classify", "Live jobs: quorum queue, delivery limit 3, then parked."),
            "reclassify": channel("krabbel.reclassify", "Reclassification: never delays live jobs."),
            "parked": channel("krabbel.parked", "Dead letters: poison, and messages of unknown type or version."),
            "live": {
                "address": "/api/v1/live",
                "description": "Server-Sent Events over HTTP; `id` is the resume token for Last-Event-ID.",
                "messages": {"liveEvent": {"$ref": "#/components/messages/liveEvent"}},
            },
        },
        "operations": {
            "submitJob": {"action": "send", "channel": {"$ref": "#/channels/classify"}, "summary": "ingest"},
            "workJob": {"action": "receive", "channel": {"$ref": "#/channels/classify"}, "summary": "classifier"},
            "reclassify": {"action": "receive", "channel": {"$ref": "#/channels/reclassify"}, "summary": "classifier"},
            "park": {"action": "send", "channel": {"$ref": "#/channels/parked"}, "summary": "classifier and broker"},
            "follow": {"action": "send", "channel": {"$ref": "#/channels/live"}, "summary": "query"},
        },
        "components": {
            "messages": {
                "classifyJob": message(JOB_TYPE, ClassifyJob, "Classify the images of one tracking run", job_headers),
                "liveEvent": message("krabbel.live-event", LiveEvent, "A tracking run changed"),
            }
        },
    }


def documents() -> dict[str, str]:
    """Return all generated files, by name, as text."""
    files = {f"{model.__name__}.json": schema_of(model) for model in MODELS}
    texts = {name: json.dumps(body, indent=2, ensure_ascii=False) + "\n" for name, body in files.items()}
    texts["../asyncapi.json"] = json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n"
    return texts


def stale() -> list[str]:
    """Return the names of files that are missing, out of date, or no longer made."""
    wanted = documents()
    found = [
        name
        for name, text in wanted.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    return found + [path.name for path in FOLDER.glob("*.json") if path.name not in wanted]


def main() -> int:
    """Write the files, or with ``--check`` name those that are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is stale")
    if parser.parse_args().check:
        names = stale()
        if names:
            sys.stderr.write(f"stale: {', '.join(names)}; run python -m proto.generate\n")
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
