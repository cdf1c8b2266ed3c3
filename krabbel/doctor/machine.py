"""Checks of this machine: disk, permissions, the model's file, and what the embedded stack says of its processes."""

import hashlib
import os
import shutil
from pathlib import Path

from krabbel.doctor.finding import Finding, Level, judge_disk
from krabbel.stack.state import read_state


def folder_findings(check: str, folder: Path) -> list[Finding]:
    """Check a folder that has to be written to."""
    if not folder.is_dir():
        return [Finding(check, Level.WARN, f"{folder} is not there", "It is made at the first start.")]
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        do = f"chown it to the user that runs Krabbel (uid {os.getuid()})."
        return [Finding(check, Level.FAIL, f"{folder} cannot be written to", do)]
    usage = shutil.disk_usage(folder)
    return [judge_disk(f"{check}: disk", usage.free, usage.total)]


def secrets_findings(root: Path) -> list[Finding]:
    """Check that nobody else on this machine can read the stack's secrets."""
    file = root / "secrets.json"
    if not file.exists():
        return []
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        return [Finding("permissions", Level.FAIL, f"{file} has mode {mode:o}", f"chmod 600 {file}")]
    return [Finding("permissions", Level.OK, "secrets are private")]


def model_findings(env: dict[str, str]) -> list[Finding]:
    """Check the model's file in the settings."""
    value = env.get("KRABBEL_MODEL")
    if not value:
        return []
    path = Path(value)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        do = "Name a model file that this user can read in KRABBEL_MODEL."
        return [Finding("model", Level.FAIL, f"{path}: {error.strerror}", do)]
    return [Finding("model", Level.OK, f"{path.name}, SHA-256 {digest[:16]}…")]


def process_findings(root: Path) -> list[Finding]:
    """Check the processes of the embedded stack."""
    findings = []
    for name, process in read_state(root).processes.items():
        if process.state != "up":
            findings.append(Finding(f"process {name}", Level.FAIL, process.state, f"Read {process.log}"))
        elif process.restarts:
            do = f"Read {process.log}"
            findings.append(Finding(f"process {name}", Level.WARN, f"restarted {process.restarts} times", do))
    return findings or [Finding("processes", Level.OK, "all are up")]
