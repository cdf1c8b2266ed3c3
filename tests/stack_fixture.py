"""The real servers for tests: the embedded stack, or containers with ``KRABBEL_TEST_STACK=containers``.

Where a part is missing (no rabbitmq-server, no container engine) the tests that need it are skipped on a developer's
machine and fail in CI: a skipped test there would look like a passed one.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from krabbel.stack import BACKENDS, EmbeddedStack, ProgramMissing

CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
CONTAINERS = os.environ.get("KRABBEL_TEST_STACK") == "containers"


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens the doors."""

    api: str
    """The operator's one key, as the predecessor's: uploads and reads."""
    service: str
    """Between the services."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """What a test gets."""

    env: dict[str, str]
    """KRABBEL_* settings of the servers."""
    data_dir: Path
    keys: Keys
    embedded: EmbeddedStack
    """Its ``kill``, ``restart`` and so on act on the processes started here (with containers: not on the servers)."""

    def __post_init__(self) -> None:
        """Check what every user of this relies on."""
        assert self.env["KRABBEL_MONGO_URL"]

    @property
    def base_url(self) -> str:
        """The proxy's address, if there is one."""
        return self.embedded.urls["public"]


def missing(what: str) -> None:
    """Skip, or fail in CI, because a part is not installed."""
    if CI:
        pytest.fail(f"CI needs it: {what}", pytrace=False)
    pytest.skip(what)


@contextmanager
def running_stack(
    data_dir: Path, services: tuple[str, ...] = BACKENDS, workers: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[RunningStack]:
    """Start servers (and services, with further ``settings``), yield how to reach them, stop them."""
    with ExitStack() as cleanup:
        settings = dict(settings or {})
        if CONTAINERS:
            from tests.container_servers import container_servers

            settings |= cleanup.enter_context(container_servers())
            services = tuple(name for name in services if name not in BACKENDS)
        try:
            stack = EmbeddedStack(data_dir, services, workers=workers, settings=settings).start()
        except ProgramMissing as error:
            missing(str(error))
            raise
        cleanup.callback(stack.stop)
        keys = Keys(api=stack.env["KRABBEL_API_KEY"], service=stack.env["KRABBEL_SERVICE_KEY"])
        yield RunningStack(stack.env, data_dir, keys, stack)
