"""The embedded stack: real servers and all services as supervised child processes, in one data folder, on loopback."""

from krabbel.stack.embedded import BACKENDS, EVERYTHING, EmbeddedStack
from krabbel.stack.errors import AlreadyRunning, NotRunning, ProgramMissing, StackError, StartFailed
from krabbel.stack.state import load_env

__all__ = [
    "BACKENDS",
    "EVERYTHING",
    "AlreadyRunning",
    "EmbeddedStack",
    "NotRunning",
    "ProgramMissing",
    "StackError",
    "StartFailed",
    "load_env",
]
