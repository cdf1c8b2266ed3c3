"""The drill (`make drill`): fresh start, load, one more worker, kill one of each, back up, wipe, restore, compare.

Everything in a temporary folder, with the commands that an operator would use. Prints a table; exit code 1 where a step
did not end as it should.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from krabbel.stack import EVERYTHING, EmbeddedStack
from proto.run import RunStatus
from services.chassis.database import open_database
from services.chassis.object_store import open_object_store
from services.chassis.rollups import Rollups
from services.chassis.settings import BackendSettings

CAMERAS, RUNS = 4, 60
KILLED = ("broker", "database", "objects", "ingest", "query", "dashboard", "classifier-1", "proxy")
State = dict[str, Any]


def main() -> int:
    """Return 0 where every step ended as it should."""
    table = Table("step", "seconds", "seen", "")
    good = True

    def step(name: str, work: Callable[[], tuple[str, bool]]) -> None:
        nonlocal good
        started = time.monotonic()
        try:
            seen, passed = work()
        except Exception as error:  # a drill tells all it can
            seen, passed = f"{type(error).__name__}: {error}"[:120], False
        good = good and passed
        table.add_row(name, f"{time.monotonic() - started:.1f}", seen, "ok" if passed else "FAILED")
        sys.stderr.write(f"{name}: {seen}\n")

    with tempfile.TemporaryDirectory(prefix="krabbel-drill-") as folder:
        Drill(Path(folder), step).run()
    Console(width=140).print(table)
    return 0 if good else 1


class Drill:
    """The steps, in order."""

    def __init__(self, root: Path, step: Callable[[str, Callable[[], tuple[str, bool]]], None]) -> None:
        self._data, self._backup, self._step = root / "data", root / "backup", step
        self._stack: EmbeddedStack | None = None
        self._before: State = {}

    def run(self) -> None:
        """Do all steps; what is left running is ended."""
        try:
            self._step("fresh start", lambda: self._start(1))
            self._step("doctor", lambda: self._krabbel("doctor"))
            self._step(f"load: {RUNS} runs of {CAMERAS} cameras", lambda: self._load(RUNS))
            self._step("add a worker", self._add_worker)
            self._step("kill one of each, under load", self._kill)
            self._step("back up", lambda: self._krabbel("backup", str(self._backup)))
            self._step("back up again: only what is new", lambda: self._krabbel("backup", str(self._backup)))
            self._step("wipe and start empty", self._wipe)
            self._step("restore", lambda: self._krabbel("restore", str(self._backup)))
            self._step("compare hashes and numbers", self._compare)
        finally:
            if self._stack is not None:
                self._stack.stop()

    def _start(self, workers: int) -> tuple[str, bool]:
        self._stack = EmbeddedStack(self._data, EVERYTHING, workers=workers).start()
        return self._stack.urls["public"], True

    def _krabbel(self, *arguments: str) -> tuple[str, bool]:
        command = [sys.executable, "-m", "krabbel", *arguments, "--data-dir", str(self._data)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=os.environ)
        lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip() and "secrets.json" not in line]
        bad = [line for line in lines if line.startswith("fail")]
        shown = (bad or lines[-1:])[0] if lines else ""
        return " ".join(shown.split())[:110], ran.returncode == 0

    def _load(self, runs: int) -> tuple[str, bool]:
        arguments = ("simulate", "--cameras", str(CAMERAS), "--rate", "6", "--runs", str(runs), "--quiet")
        _, passed = self._krabbel(*arguments)
        state = self._settled()
        return f"{state['runs']}", passed and not state["waiting"]

    def _add_worker(self) -> tuple[str, bool]:
        assert self._stack is not None
        self._stack.stop()
        seen, _ = self._start(2)
        said, passed = self._load(20)
        return f"two workers; {said}"[:110], passed and bool(seen)

    def _kill(self) -> tuple[str, bool]:
        assert self._stack is not None
        command = [sys.executable, "-m", "krabbel", "simulate", "--data-dir", str(self._data)]
        load = subprocess.Popen(
            [*command, "--cameras", str(CAMERAS), "--rate", "2", "--runs", "60"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in KILLED:
            self._stack.kill(name)
            self._stack.wait_until_up(name, 90)
        load.wait(120)
        state = self._settled()
        wrong = state["differences"]
        return f"{len(KILLED)} killed; {state['runs']}; {wrong} numbers differ", not state["waiting"] and not wrong

    def _wipe(self) -> tuple[str, bool]:
        assert self._stack is not None
        self._before = self._settled()
        self._stack.stop()
        self._stack = None
        # The whole folder: what is left of the system is the backup alone.
        subprocess.run(["rm", "-rf", str(self._data)], check=True)
        return self._start(1)

    def _compare(self) -> tuple[str, bool]:
        after = self._settled()
        other = [name for name in after if after[name] != self._before.get(name)]
        verdict = f"other: {', '.join(other)}" if other else "equal"
        seen = f"{len(after['objects'])} objects, {after['runs']}; {verdict}"
        return seen, not other and after["differences"] == 0

    def _settled(self, timeout_s: float = 90) -> State:
        """Return what there is, once nothing waits any more."""
        assert self._stack is not None
        deadline = time.monotonic() + timeout_s
        while True:
            state = asyncio.run(_state(BackendSettings.from_env(self._stack.env)))
            if not state["waiting"] or time.monotonic() > deadline:
                return state
            time.sleep(1)


async def _state(settings: BackendSettings) -> State:
    async with open_database(settings, timeout_s=30) as database, open_object_store(settings) as store:
        # Counted one by one: MongoDB's own estimate is wrong after a mongod was killed.
        counts = {status.value: await database.runs.count_documents({"status": status.value}) for status in RunStatus}
        waiting = counts["received"] + counts["queued"]
        if waiting:
            return {"waiting": waiting, "runs": counts, "differences": 0}
        keys = sorted(item.key for item in await store.list("runs/"))
        objects = {key: hashlib.sha256(await store.get(key)).hexdigest() for key in keys}
        return {
            "waiting": 0,
            "runs": counts,
            "objects": objects,
            "labels": await database.runs.find({}, {"result": 1}).sort("_id", 1).to_list(None),
            "keys": await database.api_keys.find().sort("_id", 1).to_list(None),
            "differences": len(await Rollups(database).compare()),
        }


if __name__ == "__main__":
    sys.exit(main())
