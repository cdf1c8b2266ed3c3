"""What the supervisor is told about one process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


def nothing() -> None:
    """Do nothing: the default of the hooks below."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to start a process, when it is ready, and what it needs."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    """Asked again and again after the start; True once the process serves."""
    env: Mapping[str, str] = field(default_factory=dict)
    """On top of the supervisor's own environment."""
    ports: Mapping[str, int] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    """Processes that must be ready before this one starts (at the first start) and that end only after it."""
    uses: tuple[str, ...] = ()
    """Processes that end only after this one, but may start beside it."""
    complaint: Callable[[], str] = str
    """Says why it is not ready, for the message when it never was."""
    prepare: Callable[[], None] = nothing
    """Called before each start: write configuration, remove what a crash left behind."""
    settle: Callable[[], None] = nothing
    """Called once the process answers, before it counts as ready (a replica set, a setting)."""
    finish: Callable[[], None] = nothing
    """Called after each end."""
    start_timeout_s: float = 60.0
    grace_s: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""
    cwd: str = ""
    """Working folder below the data folder."""
