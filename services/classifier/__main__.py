"""Starts a worker: ``python -m services.classifier``."""

import sys

from proto.errors import ModelRefused
from services.chassis.web import run
from services.classifier.app import create_app
from services.classifier.settings import ClassifierSettings

SWITCH_S = 0.0005
"""Threads that fetch and decode hand Python's lock on so often. By default they may keep it for 5 ms, and the device's
thread, which asks for it several times a batch, would wait for most of its time."""


def main() -> None:
    """Run until SIGTERM. A model that is refused ends the process with one line, not a traceback."""
    settings = ClassifierSettings()
    sys.setswitchinterval(SWITCH_S)
    try:
        run("classifier", settings, lambda: create_app(settings))
    except ModelRefused as error:
        sys.exit(f"krabbel classifier: {error.detail}")


if __name__ == "__main__":
    main()
