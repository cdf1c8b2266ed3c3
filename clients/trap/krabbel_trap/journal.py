"""Which crops of a data folder were handed to the spool already. SQLite: it survives power cuts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path


class Journal:
    """One table of session and crop name. Use from one thread."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(str(path), timeout=30)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS handed (session TEXT, crop TEXT, PRIMARY KEY (session, crop)) WITHOUT ROWID"
        )
        self._database.commit()

    def handed(self, session: str) -> set[str]:
        """Return the crops of a session that were handed over."""
        found = self._database.execute("SELECT crop FROM handed WHERE session = ?", (session,))
        return {row[0] for row in found}

    def add(self, session: str, crops: Iterable[str]) -> None:
        """Note crops, all or none of them, durably."""
        with self._database:
            self._database.executemany(
                "INSERT OR IGNORE INTO handed VALUES (?, ?)", [(session, crop) for crop in crops]
            )

    def forget_others(self, sessions: Iterable[str]) -> None:
        """Forget the sessions whose folders are gone."""
        kept = set(sessions)
        known = [row[0] for row in self._database.execute("SELECT DISTINCT session FROM handed")]
        with self._database:
            for session in known:
                if session not in kept:
                    self._database.execute("DELETE FROM handed WHERE session = ?", (session,))

    def count(self) -> int:
        """Return how many crops were handed over."""
        return int(self._database.execute("SELECT count(*) FROM handed").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()
