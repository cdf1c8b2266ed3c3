"""The page of the HTTP interface: one line per operation, from the OpenAPI document."""

from typing import Any

from services.query.openapi import merged, parts

HEAD = """# The HTTP interface

Every running Krabbel has the whole of it, to read and to try, at `/docs`; this is the list. Refusals are
`application/problem+json` (RFC 9457), those of the predecessor's endpoints excepted, which keep
[their own shapes](predecessor-endpoints.md). This page is generated: `python -m krabbel.reference`.
"""
METHODS = ("get", "post", "put", "patch", "delete")


def _one_line(text: object) -> str:
    return " ".join(str(text or "").replace("|", "or").split())


def _answers(operation: dict[str, Any]) -> str:
    return ", ".join(str(status) for status in operation.get("responses", {}))


def page() -> str:
    """Return the whole page, by tag in the document's order."""
    document = merged(parts().values(), version="")
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                tag = (operation.get("tags") or ["other"])[0]
                line = f"| `{method.upper()} {path}` | {_one_line(operation.get('summary'))} | {_answers(operation)} |"
                by_tag.setdefault(tag, []).append(line)
    described = {tag["name"]: _one_line(tag.get("description")) for tag in document.get("tags", [])}
    text = HEAD
    for tag in [*described, *(tag for tag in by_tag if tag not in described)]:
        if tag in by_tag:
            text += f"\n## {tag}\n\n{described.get(tag, '')}\n" if described.get(tag) else f"\n## {tag}\n"
            text += "\n| request | does | answers |\n|---|---|---|\n" + "\n".join(by_tag[tag]) + "\n"
    return text
