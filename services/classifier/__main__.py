"""Starts a worker: ``python -m services.classifier``."""

import sys

from proto.errors import ModelRefused
from services.chassis.web import run
from services.classifier.app import create_app
from services.classifier.settings import ClassifierSettings


def main() -> None:
    """Run until SIGTERM. A model that is refused ends the process with one line, not a traceback."""
    settings = ClassifierSettings()
    try:
        run("classifier", settings, lambda: create_app(settings))
    except ModelRefused as error:
        sys.exit(f"krabbel classifier: {error.detail}")


if __name__ == "__main__":
    main()
