"""What a check found, and the judgements that need no server."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer."""

    check: str
    level: Level
    found: str
    do: str = ""


LEAST_BROKER = (3, 10)
LEAST_DATABASE = (6, 0)
SKEW_WARN_S, SKEW_FAIL_S = 2.0, 300.0
DISK_WARN, DISK_FAIL_BYTES = 0.10, 512 * 1024**2


def parsed(version: str) -> tuple[int, ...]:
    """Return a version's leading numbers: ``4.0.2-rc.1`` is (4, 0, 2)."""
    numbers: list[int] = []
    for part in version.split("-")[0].split("+")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def judge_version(check: str, version: str, least: tuple[int, ...]) -> Finding:
    """Judge a server's version."""
    wanted = ".".join(map(str, least))
    if parsed(version) >= least:
        return Finding(check, Level.OK, f"version {version}")
    return Finding(check, Level.FAIL, f"version {version or 'unknown'}", f"Upgrade it: {wanted} or newer is needed.")


def judge_skew(check: str, skew_s: float) -> Finding:
    """Judge the difference between a clock and this machine's. S3 refuses signatures at fifteen minutes."""
    found = f"{abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine"
    if abs(skew_s) <= SKEW_WARN_S:
        return Finding(check, Level.OK, found)
    level = Level.FAIL if abs(skew_s) > SKEW_FAIL_S else Level.WARN
    return Finding(check, level, found, "Let all machines follow one time server (timedatectl set-ntp true).")


def judge_disk(check: str, free: int, total: int) -> Finding:
    """Judge a disk's free bytes."""
    found = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    if free < DISK_FAIL_BYTES:
        return Finding(check, Level.FAIL, found, "Make room now: stores stop writing on a full disk.")
    if total and free / total < DISK_WARN:
        return Finding(check, Level.WARN, found, "Make room, or add a disk; see docs/how-to/backup.md.")
    return Finding(check, Level.OK, found)


def judge_configuration(env: dict[str, str]) -> list[Finding]:
    """Judge settings that are most often forgotten or left as they were in an example."""
    check, findings = "configuration", []
    if not env.get("KRABBEL_SERVICE_KEY"):
        findings.append(
            Finding(check, Level.WARN, "KRABBEL_SERVICE_KEY is not set", "Set it: the dashboard reads with it.")
        )
    for name in ("KRABBEL_SERVICE_KEY", "KRABBEL_API_KEY"):
        value = env.get(name, "")
        if value and len(value) < 16:
            findings.append(Finding(check, Level.WARN, f"{name} has only {len(value)} characters", "Take 16 or more."))
    url = env.get("KRABBEL_MONGO_URL", "")
    if url and "replicaSet=" not in url and not url.startswith("mongodb+srv://"):
        findings.append(
            Finding(check, Level.WARN, "KRABBEL_MONGO_URL names no replicaSet", "Add ?replicaSet=NAME to the address.")
        )
    return findings or [Finding(check, Level.OK, "nothing is missing")]


def worst(findings: list[Finding]) -> Level:
    """Return the worst level."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
