"""Places where a test can kill this process, exactly between two steps, as a power cut would.

``KRABBEL_TRAP_FAILPOINT=before-rename`` ends the process with SIGKILL when it comes to that point. Without the variable
a point costs one comparison.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "before-fsync",
    "before-rename",
    "after-rename",
    "before-journal",
    "after-journal",
    "before-upload",
    "mid-upload",
    "after-upload",
    "after-remove",
)


def reach(point: str) -> None:
    """Say that the process has come to ``point``."""
    if os.environ.get("KRABBEL_TRAP_FAILPOINT") == point:
        os.kill(os.getpid(), signal.SIGKILL)
