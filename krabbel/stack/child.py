"""One program under a guard (see guard.py): start it, end it, kill it, wait for it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


class GuardedProcess:
    """A running program. The guard ends it, and all that it started, when this process dies."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        grace_s: float = 10.0,
        lock_fd: int | None = None,
    ) -> None:
        ours, theirs = socket.socketpair()
        try:
            with log.open("ab") as output:
                self._guard = subprocess.Popen(
                    # -I -S: neither site-packages nor PYTHON* variables, so a guard starts in a few milliseconds
                    [sys.executable, "-I", "-S", str(GUARD), str(theirs.fileno()), str(grace_s), *command],
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[theirs.fileno(), *([] if lock_fd is None else [lock_fd])],
                )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._control = ours
        self.started_at = time.time()
        self.guard_pid = self._guard.pid
        self.pid = self._read_pid()

    def _read_pid(self) -> int | None:
        """Return the program's pid, which the guard sends first; None if the guard died at once."""
        self._control.settimeout(10)
        with contextlib.suppress(OSError, ValueError):
            return int(self._control.recv(32))
        return None

    def terminate(self) -> None:
        """Ask the program to end; the guard kills what is left after the grace period."""
        self._order(b"T")

    def kill(self) -> None:
        """SIGKILL the program and everything below it, now."""
        self._order(b"K")

    def _order(self, order: bytes) -> None:
        with contextlib.suppress(OSError):
            self._control.send(order)

    @property
    def running(self) -> bool:
        """Whether the guard, and so the program, is there."""
        return self._guard.poll() is None

    def wait(self, timeout_s: float | None = None) -> int:
        """Return the program's exit code (128 + n for signal n).

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        code = self._guard.wait(timeout_s)
        self._control.close()
        return code


def inherited_environment() -> dict[str, str]:
    """Return this process's environment without the settings of any Krabbel: each stack sets its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KRABBEL_")}
