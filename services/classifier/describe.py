"""Says what a model file is: ``python -m services.classifier.describe FILE`` prints a ModelDescription as JSON.

A program of its own, so that a file from a stranger is first opened in a process that holds no credentials, and so that
the operator's command needs neither torch nor this package's licence.
"""

import sys
from pathlib import Path

from pydantic import ValidationError

from proto.errors import ModelRefused
from services.chassis.models import ModelDescription
from services.classifier.model_file import LoadedModel, Options, load_model


def describe(model: LoadedModel) -> ModelDescription:
    """Return what the registry keeps of a loaded model."""
    return ModelDescription(
        name=model.identity.name,
        version=model.identity.version,
        sha256=model.identity.sha256,
        format=model.identity.format,
        byte_size=model.byte_size,
        classes=model.network.names,
        image_size=model.network.image_size,
        demo=model.identity.demo,
        card=model.card.content if model.card else {},
    )


def main() -> None:
    """Print the description; a refused file ends with its reason and exit code 1."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m services.classifier.describe FILE")
    try:
        loaded = load_model(Path(sys.argv[1]), Options(device="cpu", threads=1, runtime="eager", batch_size=1))
        sys.stdout.write(describe(loaded).model_dump_json() + "\n")
    except ModelRefused as error:
        sys.exit(error.detail)
    except ValidationError as error:
        sys.exit(f"The model's name or version cannot be used: {error.errors()[0]['msg']}")


if __name__ == "__main__":
    main()
