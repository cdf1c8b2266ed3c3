"""Moving messages, in processes killed after each of their steps: none is lost, and doubles are few and harmless."""

import json
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest

from tests.stack_fixture import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("classifier")]


def killed_at_every_step(backends: RunningStack, scenario: str) -> list[dict[str, Any]]:
    env = {**os.environ, **backends.env, "KRABBEL_MONGO_DATABASE": f"t{uuid.uuid4().hex[:12]}"}
    command = [sys.executable, "-m", "tests.support.killed_mover", scenario]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=170, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_upgrade_killed_after_any_step_loses_no_message_and_the_next_one_finishes(backends: RunningStack):
    rounds = killed_at_every_step(backends, "mend")
    assert len(rounds) > 15
    for each in rounds:
        assert set(each["found"]) == {"0", "1", "new"}, each
        assert len(each["found"]) <= 3 + each["kills"], each  # a kill between publish and ack doubles one message
        assert each["differing"] == [], each
    assert sorted(rounds[-1]["found"]) == ["0", "1", "new"]


def test_replay_killed_after_any_step_loses_no_job(backends: RunningStack):
    rounds = killed_at_every_step(backends, "replay")
    assert len(rounds) > 8
    for each in rounds:
        assert set(each["found"]) == set(each["wanted"]), each
        assert len(each["found"]) <= len(each["wanted"]) + each["kills"], each
        assert each["left"] == [], each
        assert each["statuses"] == ["queued"], each
