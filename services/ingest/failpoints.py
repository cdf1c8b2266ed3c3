"""Places where a test can kill this process, exactly between two steps.

``KRABBEL_FAILPOINT=after-spool-fsync`` makes the process end itself with SIGKILL when it comes to that point: no
handler, no flush, as with a power cut. Without the setting a point costs one comparison.
"""

import os
import signal
from enum import StrEnum


class Point(StrEnum):
    """The steps of a run through ingest, in order, and those of retention."""

    BEFORE_SPOOL_FSYNC = "before-spool-fsync"
    BEFORE_SPOOL_RENAME = "before-spool-rename"
    AFTER_SPOOL_FSYNC = "after-spool-fsync"
    AFTER_FIRST_OBJECT = "after-first-object"
    AFTER_OBJECTS = "after-objects"
    AFTER_DOCUMENT = "after-document"
    AFTER_PUBLISH = "after-publish"
    AFTER_QUEUED = "after-queued"
    AFTER_SPOOL_REMOVE = "after-spool-remove"
    RETENTION_MARKED = "retention-marked"
    RETENTION_OBJECTS = "retention-objects"
    RETENTION_DONE = "retention-done"


class Failpoints:
    """Kills the process at the one point that is armed, if any."""

    def __init__(self, armed: str = "") -> None:
        """Raises ValueError for a name that is no point."""
        self._armed = Point(armed) if armed else None

    def reach(self, point: Point) -> None:
        """Say that the process has come to ``point``."""
        if point is self._armed:
            os.kill(os.getpid(), signal.SIGKILL)
