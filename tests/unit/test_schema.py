"""What is said of the database's version."""

import pytest

from services.chassis.schema import MIGRATIONS, NEWEST, SchemaTooNew, explain


def test_fitting_version_needs_no_words() -> None:
    assert explain(NEWEST, NEWEST) == ""


def test_older_database_is_told_the_command() -> None:
    assert "krabbel upgrade" in explain(0, 2)


def test_newer_database_is_never_touched() -> None:
    with pytest.raises(SchemaTooNew, match="newer Krabbel"):
        explain(3, 2)


def test_versions_only_go_up_and_none_is_missing() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(1, NEWEST + 1))
