"""The page of messages: the queues as they are declared, and the job's fields."""

from typing import Any

from proto.job import JOB_TYPE, JOB_VERSION, VERSION_HEADER, ClassifyJob
from services.chassis.broker import RETRY_DELAYS_S
from services.chassis.topology import EXCHANGE, queues

HEAD = f"""# Messages

Jobs are claim checks: ids and object keys, never pixels. They carry the type `{JOB_TYPE}` in the property
`type` and the version {JOB_VERSION} in the header `{VERSION_HEADER}`; unknown fields are ignored, unknown types and
versions parked. The whole contract is `proto/asyncapi.json` (AsyncAPI 3). This page is generated:
`python -m krabbel.reference`.

## Queues

All are durable quorum queues, bound to the exchange `{EXCHANGE}` by their own names.

| queue | arguments |
|---|---|
"""


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = str(schema.get("type", "any"))
    return f"{kind} of {_kind(schema['items'])}" if kind == "array" and "items" in schema else kind


def _fields(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_kind(field)} | {'yes' if name in required else 'no'} | {field.get('description', '')} |"
        for name, field in schema["properties"].items()
    ]
    return "| field | type | always there | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def page() -> str:
    """Return the whole page."""
    rows = [
        f"| `{queue.name}` | {', '.join(f'`{name}` = {value}' for name, value in queue.arguments.items())} |"
        for queue in queues(RETRY_DELAYS_S)
    ]
    schema = ClassifyJob.model_json_schema()
    text = HEAD + "\n".join(rows) + "\n\n## The job\n\n" + _fields(schema)
    for name, inner in schema.get("$defs", {}).items():
        if "properties" in inner:
            text += f"\n### {name}\n\n" + _fields(inner)
    return text
