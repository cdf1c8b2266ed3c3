"""How the trap is: battery, temperature, free disk. What cannot be read is left out."""

from __future__ import annotations

import csv
import platform
import shutil
from pathlib import Path
from typing import Any

from krabbel_trap.run import finite

BATTERY_COLUMNS = ("charge_level", "chargelevel", "battery_percent")


def health(data: Path, version: str, system: Path = Path("/")) -> dict[str, Any]:
    """Return the body of a heartbeat.

    Args:
        data: the data folder; its disk, and insect-detect's own log of the battery below it.
        version: of this program.
        system: root of /sys and /proc, for tests.
    """
    said: dict[str, Any] = {
        "battery_percent": _within(_battery(data, system), 0, 100),
        "temperature_c": _within(_temperature(system), -80, 150),
        "disk_free_bytes": _disk_free(data),
        "firmware": f"krabbel-trap {version}; {_model(system)}"[:120],
    }
    return {name: value for name, value in said.items() if value is not None}


def _within(value: float | None, least: float, most: float) -> float | None:
    return value if value is not None and least <= value <= most else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return ""


def _temperature(system: Path) -> float | None:
    value = finite(_text(system / "sys/class/thermal/thermal_zone0/temp"))
    return None if value is None else round(value / 1000, 1)


def _battery(data: Path, system: Path) -> float | None:
    """A battery that Linux knows, else what a PiJuice or Witty Pi told insect-detect's log last."""
    for path in sorted((system / "sys/class/power_supply").glob("*/capacity")):
        value = finite(_text(path))
        if value is not None:
            return value
    logs = [*data.glob("*/*_info_log.csv"), *data.glob("*/*/*_system_log.csv"), *data.glob("*_system_log.csv")]
    if not logs:
        return None
    try:
        with max(logs, key=lambda path: path.stat().st_mtime).open(encoding="utf-8", errors="replace") as file:
            lines = list(csv.DictReader(line.replace("\0", "") for line in file))
    except (OSError, csv.Error):
        return None
    if not lines:
        return None
    return next((value for name in BATTERY_COLUMNS if (value := finite(lines[-1].get(name))) is not None), None)


def _disk_free(data: Path) -> int | None:
    try:
        return shutil.disk_usage(str(data)).free
    except OSError:
        return None


def _model(system: Path) -> str:
    return _text(system / "proc/device-tree/model") or platform.machine() or "unknown computer"
