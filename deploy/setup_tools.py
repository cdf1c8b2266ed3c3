"""Speaking and running programs, for setup.py. Standard library only."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
BEGAN = time.monotonic()


def say(line: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {line}", flush=True)


def fail(line: str) -> NoReturn:
    """End with a message that says what to do."""
    sys.exit(f"setup: {line}")


@contextmanager
def heartbeat(what: str) -> Iterator[None]:
    """Say every ten seconds that something long still goes on."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(10):
            say(f"... still {what}")

    say(what)
    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def run(*command: "str | Path", quiet: bool = False, timeout_s: "float | None" = None, **env: str) -> bool:
    """Run a program; return whether it succeeded in time. Its output is shown only if it failed and is not quiet."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
        )
    except (subprocess.TimeoutExpired, FileNotFoundError) as error:
        if not quiet:
            print(error)
        return False
    if done.returncode and not quiet:
        print(done.stdout.decode(errors="replace")[-4000:], flush=True)
    return done.returncode == 0


def must(otherwise: str, *command: "str | Path") -> None:
    """Run a program; end with a message unless it succeeds."""
    if not run(*command):
        fail(otherwise)
