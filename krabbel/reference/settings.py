"""The page of settings, from the settings classes."""

import importlib

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from services.chassis.settings import ServiceSettings

SERVICES = {
    "ingest": "services.ingest.settings",
    "classifier": "services.classifier.settings",
    "query": "services.query.settings",
    "dashboard": "services.dashboard.settings",
}
HEAD = """# Settings

Every setting is an environment variable with the prefix `KRABBEL_`, or a file of the lower-case name without the prefix
in the folder that `KRABBEL_SECRETS_DIR` names (Docker and Kubernetes secrets). `krabbel up` sets what its servers need.
This page is generated: `python -m krabbel.reference`.
"""


def settings_class(module: str) -> type[BaseSettings]:
    """Return the one settings class that a module defines."""
    loaded = importlib.import_module(module)
    found = [
        value
        for value in vars(loaded).values()
        if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == module
    ]
    if len(found) != 1:
        raise LookupError(
            f"{module} must define exactly one settings class, it has {[item.__name__ for item in found]}"
        )
    return found[0]


def _row(name: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    shown = "secret" if isinstance(default, SecretStr) else "" if default is None else f"`{default}`"
    kind = str(field.annotation).replace("typing.", "").replace("pydantic.types.", "").replace("|", "or")
    if isinstance(field.annotation, type):
        kind = field.annotation.__name__
    kind = kind.replace("SecretStr", "str").replace("pathlib._local.", "").replace("pathlib.", "")
    return f"| `KRABBEL_{name.upper()}` | {kind} | {shown} | {field.description or ''} |"


def page() -> str:
    """Return the whole page.

    Raises:
        LookupError: a field has no description.
    """
    sections: list[tuple[str, dict[str, FieldInfo]]] = [("All services", dict(ServiceSettings.model_fields))]
    for service, module in SERVICES.items():
        fields = settings_class(module).model_fields.items()
        sections.append((service, {name: field for name, field in fields if name not in ServiceSettings.model_fields}))
    text = HEAD
    for title, documented in sections:
        text += f"\n## {title}\n\n| variable | type | default | meaning |\n|---|---|---|---|\n"
        for name, field in documented.items():
            if not field.description:
                raise LookupError(f"setting {name!r} of {title!r} has no description: document it")
            text += _row(name, field) + "\n"
    return text
