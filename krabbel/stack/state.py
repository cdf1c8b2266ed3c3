"""What a running stack tells others through its data folder: ``stack.json`` (processes) and ``env.json`` (settings)."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from krabbel.stack.credentials import write_private
from krabbel.stack.errors import NotRunning
from krabbel.stack.folder import is_locked


@dataclass(slots=True)
class ProcessState:
    """One process, as ``krabbel status`` shows it."""

    state: str
    pid: int | None = None
    guard_pid: int | None = None
    ports: dict[str, int] = field(default_factory=dict)
    started_at: float | None = None
    restarts: int = 0
    log: str = ""


@dataclass(slots=True)
class StackState:
    """One stack."""

    supervisor_pid: int
    started_at: float
    url: str | None
    processes: dict[str, ProcessState]


def default_data_dir() -> Path:
    """Return the data folder that is meant when none is named."""
    return Path(os.environ.get("KRABBEL_DATA_DIR") or os.environ.get("DATA") or "data")


def write_state(root: Path, state: StackState) -> None:
    """Publish the processes."""
    write_private(root / "stack.json", json.dumps(asdict(state), indent=1) + "\n")


def read_state(root: Path) -> StackState:
    """Return what the stack in this folder last told.

    Raises:
        NotRunning: no stack ever ran there.
    """
    try:
        raw = json.loads((root / "stack.json").read_text())
    except (OSError, ValueError) as error:
        raise NotRunning(f"No stack ran in {root.absolute()}. Start it: krabbel up --data-dir {root}") from error
    processes = {name: ProcessState(**process) for name, process in raw.pop("processes").items()}
    return StackState(processes=processes, **raw)


def is_running(root: Path) -> bool:
    """Say whether a stack runs in this folder now."""
    return is_locked(root)


def write_env(root: Path, env: dict[str, str]) -> None:
    """Publish the settings with which clients and services reach the servers."""
    write_private(root / "env.json", json.dumps(env, indent=1, sort_keys=True) + "\n")


def load_env(data_dir: Path | None = None) -> dict[str, str]:
    """Return the KRABBEL_* settings with which a command reaches the system.

    With a folder: those of the stack that runs there. Without: those of this process's environment where that names a
    database (production), else those of the stack in the default folder.

    Raises:
        NotRunning: there is none.
    """
    ours = {name: value for name, value in os.environ.items() if name.startswith("KRABBEL_")}
    if data_dir is None and "KRABBEL_MONGO_URL" in ours:
        return ours
    root = default_data_dir() if data_dir is None else data_dir
    if not is_running(root):
        raise NotRunning(
            f"No stack runs in {root.absolute()}. Start one with `krabbel up --data-dir {root}`, name another folder "
            f"with --data-dir, or set KRABBEL_MONGO_URL and its like."
        )
    env: dict[str, str] = json.loads((root / "env.json").read_text())
    return {**ours, **env}
