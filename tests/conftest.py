"""Fixtures that all tests share."""

from collections.abc import Iterator

import pytest

from tests.stack_fixture import RunningStack, running_stack


@pytest.fixture(scope="session")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """RabbitMQ, MongoDB and the object store, started once, without any service: yours to fill.

    Mark tests that use it ``@pytest.mark.stack``. Kill nothing here: others use it too (see ``running_stack``).
    """
    with running_stack(tmp_path_factory.mktemp("backends")) as running:
        yield running
