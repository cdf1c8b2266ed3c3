"""The data folder: private, locked by at most one stack, with one log file per process."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from krabbel.stack.errors import AlreadyRunning

LOG_LIMIT = 20 * 1024**2


class DataFolder:
    """Paths of one stack, and the lock that keeps a second one out."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.logs = self.root / "logs"
        self.lock_fd: int | None = None

    def open(self, *, wait_s: float = 25.0) -> None:
        """Create the folder and lock it.

        The guards of a killed supervisor hold the lock until their programs have ended (see guard.py): so wait a little
        if nobody supervises any more.

        Raises:
            AlreadyRunning: another stack uses it.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)
        self.logs.mkdir(mode=0o700, exist_ok=True)
        started = time.monotonic()
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                owner = _read_pid(descriptor)
                patience = 0.5 if owner is not None and _alive(owner) else wait_s  # 0.5 s: `krabbel status` may look
                if time.monotonic() < started + patience:
                    time.sleep(0.05)
                    continue
                os.close(descriptor)
                raise AlreadyRunning(
                    f"{self.root} is in use by process {owner or 'unknown'}. Look with `krabbel status`, end that "
                    f"one, or give this one a folder of its own with --data-dir."
                ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self.lock_fd = descriptor

    def close(self) -> None:
        """Give the lock back."""
        if self.lock_fd is not None:
            os.close(self.lock_fd)
            self.lock_fd = None

    def make(self, *parts: str) -> Path:
        """Return a private folder below the root, created if need be."""
        folder = self.root.joinpath(*parts)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def log_of(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"

    def rotate_logs(self, limit: int = LOG_LIMIT) -> None:
        """Cut logs that have grown too long; the last part stays in ``NAME.log.1``.

        The programs hold the file open for appending, so it is copied and truncated in place, not renamed.
        """
        for log in self.logs.glob("*.log"):
            with contextlib.suppress(OSError):
                size = log.stat().st_size
                if size > limit:
                    with log.open("rb") as file:
                        file.seek(size - limit // 2)
                        log.with_name(log.name + ".1").write_bytes(file.read())
                    os.truncate(log, 0)


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def is_locked(root: Path) -> bool:
    """Say whether a stack runs in this folder."""
    try:
        descriptor = os.open(root / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read_pid(descriptor: int) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(os.pread(descriptor, 32, 0))
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
