"""Does anything keep the disk from filling up with pictures?"""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from krabbel.doctor.finding import DISK_WARN, Finding, Level
from proto.errors import KrabbelError
from proto.retention import RetentionMode, RetentionState
from services.chassis.database import open_database
from services.chassis.retention import Retention
from services.chassis.retention_plan import has_any_rule
from services.chassis.settings import BackendSettings

CHECK = "retention"
OVERDUE = timedelta(hours=26)


def judge_retention(state: RetentionState, free_share: float | None, now: datetime) -> Finding:
    """Judge the rules: a full disk without one is what an operator must hear of.

    ``free_share``: of the disk, 0 to 1; None where it is not to be seen from here.
    """
    full = free_share is not None and free_share < DISK_WARN
    level = Level.WARN if full else Level.OK
    if state.rules.mode is RetentionMode.OFF or not has_any_rule(state.rules):
        if not full:
            return Finding(CHECK, level, "off: no picture ever goes")
        do = "krabbel retention set --false-sightings-days 90 --mode dry-run; then: krabbel retention show"
        return Finding(CHECK, level, "the disk is nearly full, and no picture ever goes", do)
    if state.rules.mode is RetentionMode.DRY_RUN:
        found = f"rules only count; by age {state.would_go.pictures} pictures would go"
        return Finding(CHECK, level, found, "Remove them: krabbel retention set --mode on")
    last = state.last_sweep
    since = max(filter(None, (state.changed_at, last.at if last else None)), default=None)
    if since is not None and now - since > OVERDUE:
        do = "Look at ingest's log: it sweeps every hour. A backup that runs for long holds it up."
        return Finding(CHECK, Level.WARN, f"no sweep since {since:%Y-%m-%d %H:%M} UTC", do)
    if full:
        do = "Set shorter times, or --max-bytes: docs/how-to/retention.md. Stores give space back hours later."
        return Finding(CHECK, Level.WARN, "on, and the disk is nearly full all the same", do)
    swept = f"; last sweep {last.at:%Y-%m-%d %H:%M} UTC" if last else ""
    return Finding(CHECK, Level.OK, f"on{swept}")


async def retention_findings(settings: BackendSettings, disk: Path | None) -> list[Finding]:
    """Check the rules; of a database that is away another check tells."""
    try:
        async with open_database(settings) as database:
            state = await Retention(database).state(datetime.now(UTC))
    except KrabbelError:
        return []
    return [judge_retention(state, free_share_of(disk), datetime.now(UTC))]


def free_share_of(folder: Path | None) -> float | None:
    """Return how much of a folder's disk is free, 0 to 1; None where there is no such folder here."""
    if folder is None or not folder.is_dir():
        return None
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total
