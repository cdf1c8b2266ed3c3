"""What visitors may do is one setting; everything else takes signing in."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from pydantic import ValidationError

from services.dashboard.roles import Person, Role, name_of, person_of, remember, role_of
from services.dashboard.settings import DashboardSettings

ROOT = Path(__file__).resolve().parents[2]
ANNA = Person(Role.EDITOR, "Anna", "token")


def test_request_has_the_role_and_name_that_the_doorkeeper_found() -> None:
    request = SimpleNamespace()
    remember(request, ANNA)

    assert (role_of(request), name_of(request)) == (Role.EDITOR, "Anna")


def test_session_of_a_page_has_the_role_of_the_request_that_began_it() -> None:
    context = SimpleNamespace(request=SimpleNamespace())
    remember(context.request, ANNA)

    assert person_of(context) is ANNA


@pytest.mark.parametrize("request_", [None, object(), SimpleNamespace(), SimpleNamespace(request=None)])
def test_request_that_no_doorkeeper_looked_at_is_nobodys(request_: object) -> None:
    assert role_of(request_) is None
    assert name_of(request_) == ""


def test_visitor_has_a_role_and_no_name() -> None:
    request = SimpleNamespace()
    remember(request, Person(Role.READER))

    assert (role_of(request), name_of(request)) == (Role.READER, "")


@pytest.mark.parametrize("more", ["editor", "admin"])
def test_no_setting_lets_visitors_do_more_than_look(more: str) -> None:
    with pytest.raises(ValidationError):
        DashboardSettings(visitor_role=more)


def test_deployments_let_visitors_look_unless_told_otherwise() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert compose["services"]["dashboard"]["environment"]["KRABBEL_VISITOR_ROLE"] == "${KRABBEL_VISITOR_ROLE:-reader}"
    assert "KRABBEL_VISITOR_ROLE=reader" in (ROOT / "deploy/k8s/base/settings.env").read_text().splitlines()
    assert DashboardSettings().visitor_role == "reader"
