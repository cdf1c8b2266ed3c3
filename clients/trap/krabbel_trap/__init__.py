"""Sends what an insect camera trap saw to Krabbel.

    client = TrapClient("https://krabbel.example.org", key, spool="/var/lib/krabbel-trap")
    client.send_run("17", started, ended, ["crop-1.jpg", "crop-2.jpg"])   # returns when the run is safe on disk
    client.close(flush_s=30)

Runs on Python 3.9 and newer; needs nothing but ``requests``.
"""

from krabbel_trap.client import TrapClient, send_run
from krabbel_trap.errors import NothingToSend, SpoolFull, TrapError
from krabbel_trap.run import Crop, TrackingRun

__version__ = "0.1.0"
__all__ = ["Crop", "NothingToSend", "SpoolFull", "TrackingRun", "TrapClient", "TrapError", "send_run"]
