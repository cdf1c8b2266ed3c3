"""What can go wrong on the trap's side."""

from __future__ import annotations


class TrapError(Exception):
    """Base of all."""


class SpoolFull(TrapError):
    """The spool's byte limit is reached, or its disk is nearly full; the run was not kept."""


class NothingToSend(TrapError):
    """The run has no usable picture."""


class BrokenEntry(TrapError):
    """A spool file that cannot be read any more (a dying SD card)."""
