"""One supervised process: started, watched, restarted with growing pauses, ended."""

import subprocess
import threading
import time
from collections.abc import Callable
from enum import StrEnum

from krabbel.stack.child import GuardedProcess, inherited_environment
from krabbel.stack.errors import StartFailed
from krabbel.stack.folder import DataFolder, tail
from krabbel.stack.spec import ProcessSpec

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CALM_S = 60.0
"""A process that lived this long starts again with the shortest pause."""
GIVE_UP_AFTER = 3
"""Starts that may fail before a first start counts as failed. Later there is no limit: a server may be repaired."""


class State(StrEnum):
    """Where a process stands. Waiting: for what it needs, or for the pause after a crash."""

    STOPPED = "stopped"
    STARTING = "starting"
    UP = "up"
    WAITING = "waiting"
    FAILED = "failed"


class Component:
    """A thread that keeps one process running while it is wanted."""

    def __init__(self, spec: ProcessSpec, folder: DataFolder, changed: Callable[["Component"], None]) -> None:
        self.spec = spec
        self.state = State.WAITING
        self.restarts = 0
        self.started_at: float | None = None
        self.error: StartFailed | None = None
        self.trouble = ""
        self.process: GuardedProcess | None = None
        self._folder = folder
        self._changed = changed
        self._wanted = False
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to keep the process running; returns at once."""
        if self._thread is not None:
            return
        self._wanted, self.error, self.restarts = True, None, 0
        self.state = State.WAITING
        self._set(State.STARTING)
        self._thread = threading.Thread(target=self._keep_running, name=f"keep {self.spec.name}", daemon=True)
        self._thread.start()

    def stop(self, *, kill: bool = False) -> None:
        """End the process and wait until it, and all below it, is gone."""
        self._wanted = False
        process = self.process
        # Servers that have hardly begun may not listen to SIGTERM yet, and have nothing to lose.
        patience_s = self.spec.grace_s + 15 if self.state is State.UP else min(5.0, self.spec.grace_s)
        if process is not None:
            process.kill() if kill else process.terminate()
        with self._news:
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(patience_s)
            if self._thread.is_alive() and self.process is not None:
                self.process.kill()
            self._thread.join(15)
            self._thread = None
        self._set(State.STOPPED)

    def wait_until_up(self, timeout_s: float | None = None) -> None:
        """Return once the process is ready.

        Raises:
            StartFailed: it is not, and this is why.
        """
        limit = self.spec.start_timeout_s if timeout_s is None else timeout_s
        self.wait_for(lambda: self.state in (State.UP, State.FAILED, State.STOPPED), limit)
        if self.state is not State.UP:
            raise self.error or self._failure(f"is {self.state} after {limit:.0f} s")

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something about this component is so; return whether it came true in time."""
        with self._news:
            return self._news.wait_for(condition, timeout_s)

    def _set(self, state: State) -> None:
        with self._news:
            news = state is not self.state
            self.state = state
            self._news.notify_all()
        if news:
            self._changed(self)

    def _failure(self, what: str) -> StartFailed:
        log = self._folder.log_of(self.spec.name)
        return StartFailed(f"{self.spec.name} {what}. Read {log}. Its last lines:\n{tail(log)}")

    def _is_wanted(self) -> bool:
        return self._wanted

    def _keep_running(self) -> None:
        pause_s, ever_up, failures = FIRST_PAUSE_S, False, 0
        while self._wanted:
            self._set(State.STARTING)
            began = time.monotonic()
            came_up, reason = self._run_once()
            ever_up = ever_up or came_up
            if not self._is_wanted():  # stop() may have said so meanwhile
                return
            failures += 1
            self.trouble, self.error = reason, self._failure(reason)
            if not ever_up and failures >= GIVE_UP_AFTER:
                self._set(State.FAILED)
                return
            if time.monotonic() - began > CALM_S:
                pause_s = FIRST_PAUSE_S
            self._set(State.WAITING)
            with self._news:
                self._news.wait_for(lambda: not self._wanted, pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            self.restarts += 1

    def _run_once(self) -> tuple[bool, str]:
        """Run the process to its end. Return whether it was ever ready, and how it ended."""
        came_up, reason = False, ""
        try:
            self.spec.prepare()
            process = GuardedProcess(
                self.spec.command,
                env={**inherited_environment(), "KRABBEL_DATA_DIR": str(self._folder.root), **self.spec.env},
                cwd=self._folder.make(self.spec.cwd) if self.spec.cwd else self._folder.root,
                log=self._folder.log_of(self.spec.name),
                grace_s=self.spec.grace_s,
                lock_fd=self._folder.lock_fd,
            )
        except OSError as error:
            return False, f"could not be started ({error})"
        self.process = process
        self.started_at = process.started_at
        try:
            if not self._wanted:  # stop() came between the check and the start
                process.terminate()
            came_up, reason = self._await_ready(process)
            if came_up:
                self._set(State.UP)
            elif process.running:
                process.terminate()
            code = process.wait()
            return came_up, reason or f"ended with code {code}"
        finally:
            self.process = None
            self.spec.finish()

    def _await_ready(self, process: GuardedProcess) -> tuple[bool, str]:
        deadline = time.monotonic() + self.spec.start_timeout_s
        pause_s = 0.02
        while self._wanted and process.running:
            if self.spec.ready():
                try:
                    self.spec.settle()
                except Exception as error:  # whatever it was: the process is started again, and the reason is told
                    return False, f"runs but could not be set up ({type(error).__name__}: {error})"
                return process.running, ""
            if time.monotonic() > deadline:
                return False, f"was not ready after {self.spec.start_timeout_s:.0f} s {self.spec.complaint()}".strip()
            try:
                process.wait(pause_s)
            except subprocess.TimeoutExpired:
                pause_s = min(pause_s * 1.5, 0.25)
        return False, ""
