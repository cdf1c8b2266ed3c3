"""What `krabbel doctor` thinks of what it finds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from krabbel.doctor.finding import (
    Finding,
    Level,
    judge_configuration,
    judge_disk,
    judge_skew,
    judge_version,
    parsed,
    worst,
)
from krabbel.doctor.machine import folder_findings, model_findings, secrets_findings
from krabbel.doctor.retention import judge_retention
from proto.retention import RetentionForecast, RetentionMode, RetentionRules, RetentionState, RetentionSweep


@pytest.mark.parametrize(
    ("version", "level"),
    [("3.10.8", "ok"), ("4.0.2-rc.1", "ok"), ("3.9.29", "fail"), ("3.10", "ok"), ("", "fail"), ("unknown", "fail")],
)
def test_version_is_compared_by_its_numbers(version: str, level: str) -> None:
    assert judge_version("broker", version, (3, 10)).level == level


def test_version_of_a_build_is_read() -> None:
    assert parsed("6.0.5+build7") == (6, 0, 5)


@pytest.mark.parametrize(("skew", "level"), [(0.5, "ok"), (-1.9, "ok"), (30, "warn"), (-301, "fail")])
def test_clock_may_be_off_by_moments_only(skew: float, level: str) -> None:
    assert judge_skew("clock", skew).level == level


@pytest.mark.parametrize(("free", "total", "level"), [(50e9, 100e9, "ok"), (9e9, 100e9, "warn"), (1e8, 100e9, "fail")])
def test_disk_is_judged_by_share_and_by_bytes(free: float, total: float, level: str) -> None:
    assert judge_disk("disk", int(free), int(total)).level == level


def test_forgotten_settings_are_named_and_values_are_not() -> None:
    found = judge_configuration({"KRABBEL_API_KEY": "tiny-secret", "KRABBEL_MONGO_URL": "mongodb://u:pass@host/"})
    text = " ".join(finding.found for finding in found)
    assert "KRABBEL_SERVICE_KEY" in text
    assert "replicaSet" in text
    assert "tiny-secret" not in text
    assert "pass@" not in text


def test_worst_finding_decides() -> None:
    ok, warn, fail = (Finding("x", level, "") for level in Level)
    assert (worst([]), worst([ok, warn]), worst([ok, fail, warn])) == (Level.OK, Level.WARN, Level.FAIL)


def test_model_that_cannot_be_read_fails_with_its_reason(tmp_path: Path) -> None:
    (finding,) = model_findings({"KRABBEL_MODEL": str(tmp_path / "none.pt")})
    assert finding.level is Level.FAIL
    assert "No such file" in finding.found


def test_secrets_that_others_can_read_fail(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text("{}")
    file.chmod(0o644)
    assert secrets_findings(tmp_path)[0].do == f"chmod 600 {file}"
    file.chmod(0o600)
    assert secrets_findings(tmp_path)[0].level is Level.OK


def test_missing_folder_is_no_failure(tmp_path: Path) -> None:
    assert folder_findings("spool", tmp_path / "none")[0].level is Level.WARN


@pytest.mark.parametrize(
    ("rules", "free", "swept_hours_ago", "level", "says"),
    [
        ({}, 0.5, None, Level.OK, "off"),
        ({}, 0.05, None, Level.WARN, "no picture ever goes"),
        ({"mode": "on"}, 0.05, 1, Level.WARN, "no picture ever goes"),
        ({"mode": "dry-run", "insects_days": 3}, 0.5, 1, Level.OK, "only count"),
        ({"mode": "dry-run", "insects_days": 3}, 0.05, 1, Level.WARN, "only count"),
        ({"mode": "on", "insects_days": 3}, None, 1, Level.OK, "on; last sweep"),
        ({"mode": "on", "insects_days": 3}, 0.05, 1, Level.WARN, "all the same"),
        ({"mode": "on", "insects_days": 3}, 0.5, 30, Level.WARN, "no sweep since"),
    ],
)
def test_a_full_disk_without_a_rule_is_told(
    rules: dict[str, Any], free: float | None, swept_hours_ago: int | None, level: Level, says: str
) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    last = (
        None
        if swept_hours_ago is None
        else RetentionSweep(at=now - timedelta(hours=swept_hours_ago), seconds=1, mode=RetentionMode.ON)
    )
    state = RetentionState(rules=RetentionRules(**rules), last_sweep=last, would_go=RetentionForecast())
    finding = judge_retention(state, free, now)
    assert (finding.level, says in finding.found) == (level, True), finding
    assert finding.do or level is Level.OK
