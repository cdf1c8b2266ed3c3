"""What the trap remembers between starts, beside the runs themselves: counts, the last trouble, its camera's id.

For people (``krabbel-trap status``) and to spare requests; nothing depends on it.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from krabbel_trap.durable import read_json, replace_json


class Memory:
    """One small file, ``memory.json``, in the spool's folder."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        self._path = folder / "memory.json"
        # A key's id, not the key: which camera it is bound to holds for this server and this key only.
        self._door = hashlib.sha256(f"{url}\n{key}".encode()).hexdigest()[:16]
        self._mutex = threading.Lock()
        self._said = read_json(self._path)

    @property
    def camera_id(self) -> str | None:
        """The camera that the server says the key is bound to, once it has said so."""
        doors = self._said.get("cameras", {})
        return doors.get(self._door) if isinstance(doors, dict) else None

    def sent(self, camera_id: str | None) -> None:
        """Note a success."""
        with self._mutex:
            self._count("sent_total")
            self._said["last_sent_at"] = _now()
            self._said.pop("trouble", None)
            if camera_id:
                self._said["cameras"] = {self._door: camera_id}
            self._write()

    def failed(self, kind: str, reason: str) -> None:
        """Note a failure that will be tried again."""
        with self._mutex:
            before = self._said.get("trouble", {})
            since = before.get("since") if isinstance(before, dict) else None
            self._said["trouble"] = {"kind": kind, "reason": reason, "since": since or _now()}
            self._write()

    def refused(self, reason: str) -> None:
        """Note a refusal."""
        with self._mutex:
            self._count("refused_total")
            self._said["last_refusal"] = {"reason": reason, "at": _now()}
            self._write()

    def dropped(self) -> None:
        """Note a run that was given up for want of room."""
        with self._mutex:
            self._count("dropped_total")
            self._write()

    def _count(self, name: str) -> None:
        value = self._said.get(name, 0)
        self._said[name] = (value if isinstance(value, int) else 0) + 1

    def _write(self) -> None:
        with suppress(OSError):  # the disk is full: the runs matter, this does not
            replace_json(self._path, self._said)

    @staticmethod
    def read(folder: Path) -> dict[str, Any]:
        """Return what was noted, for ``status``."""
        return read_json(folder / "memory.json")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
