"""The `krabbel` commands in README and docs, run as they stand there, on the running system."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack_fixture import RunningStack
from tests.support.documented import commands, words

pytestmark = pytest.mark.stack

NOT_RUN = {
    "up": "starts a system of its own: test_stack_up",
    "simulate": "never ends, or takes long: test_dashboard_live, make drill",
    "import": "needs a folder of old data: test_import",
    "restore": "wants an empty system: test_backup",
    "reclassify": "changes what others look at: test_classifier_models",
    "alert": "sends to addresses outside: test_alerts",
    "camera revoke": "the camera of others: test_ingest",
    "camera key": "needs a camera's name: test_ingest",
    "model add": "needs a model file: test_model_commands",
    "model fetch": "asks an address outside: test_model_fetch",
    "model activate": "needs a registered model: test_model_commands",
    "model remove": "needs a registered model: test_model_commands",
    "model describe": "needs a model file: test_model_commands",
    "dead show": "needs a parked job: test_dead_letters",
    "dead replay": "needs a parked job: test_dead_letters",
    "dead drop": "needs a parked job: test_dead_letters",
    "export": "once is enough: test_exports; --list and camtrap-dp run",
    "user": "asks for a password: test_sign_in",
    "rebuild-stats": "counts while others write: test_query_counting",
}


def runnable() -> list[str]:
    """Return the commands that no reason excludes."""
    kept = []
    for command in commands():
        name = words(command)
        if name[0] in NOT_RUN or " ".join(name[:2]) in NOT_RUN or any("…" in word for word in name):
            continue
        if "--data-dir" in name or "Garden 1" in name:  # another's folder; the same name twice
            continue
        kept.append(command)
    return sorted(kept)


def test_documented_commands_do_what_they_say(krabbel_system: RunningStack, tmp_path: Path) -> None:
    ran = runnable()
    env = {**os.environ, "KRABBEL_DATA_DIR": str(krabbel_system.data_dir), "COLUMNS": "200"}
    env.pop("KRABBEL_MONGO_URL", None)
    failed = {}
    for command in ran:
        arguments = [word.replace("/srv/", f"{tmp_path}/") for word in words(command)]
        done = subprocess.run(
            [sys.executable, "-m", "krabbel", *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            failed[command] = f"{done.returncode}: {(done.stdout + done.stderr)[-300:]}"
    assert not failed, failed
    assert {"krabbel doctor", "krabbel status"} <= {" ".join(command.split()) for command in ran}
