"""As long as nobody signs in, one setting says what visitors may do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from krabbel.stack import EmbeddedStack
from krabbel.stack.credentials import Credentials
from krabbel.stack.ports import Ports
from services.dashboard.roles import Role, everybody_is, role_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = role_of(None)
    yield
    everybody_is(before or Role.ADMIN)


@pytest.mark.parametrize("role", list(Role))
def test_everybody_has_the_role_that_was_set(role: Role) -> None:
    everybody_is(role)
    assert role_of(object()) is role


@pytest.mark.parametrize(("host", "role"), [("127.0.0.1", None), ("0.0.0.0", "reader"), ("192.168.1.5", "reader")])  # noqa: S104
def test_where_strangers_can_come_visitors_only_read(tmp_path: Path, host: str, role: str | None) -> None:
    stack = EmbeddedStack(tmp_path, ("proxy", "dashboard"), host=host)
    stack.folder.make()
    assert stack._environment(Ports(tmp_path / "ports.json"), Credentials()).get("KRABBEL_VISITOR_ROLE") == role


def test_deployments_for_others_begin_with_readers() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert compose["services"]["dashboard"]["environment"]["KRABBEL_VISITOR_ROLE"] == "${KRABBEL_VISITOR_ROLE:-reader}"
    assert "KRABBEL_VISITOR_ROLE=reader" in (ROOT / "deploy/k8s/base/settings.env").read_text().splitlines()
