"""The programs that no Python wheel brings, through the system's package manager; for setup.py."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from setup_tools import fail, heartbeat, must, run


def has_rabbitmq() -> bool:
    """Say whether RabbitMQ's start script is there."""
    places = ("/usr/lib/rabbitmq/lib", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")
    return any(Path(place).exists() for place in places) or shutil.which("rabbitmq-server") is not None


def has_chromium() -> bool:
    """Say whether a browser for the tests is there."""
    return any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))


def missing_programs(mode: str) -> list[str]:
    """Return the names of the packages to install."""
    missing = [] if has_rabbitmq() else ["rabbitmq-server"]
    if mode == "dev" and not has_chromium():
        missing.append("chromium")
    return missing


def install_programs(packages: list[str]) -> None:
    """Install with the system's package manager: apt, or brew."""
    if not packages:
        return
    if shutil.which("apt-get"):
        apt(packages)
    elif shutil.which("brew"):
        names = {"rabbitmq-server": ["rabbitmq"], "chromium": ["--cask", "chromium"]}
        for package in packages:
            with heartbeat(f"brew install {package}"):
                must(f"brew could not install {package}", "brew", "install", *names.get(package, [package]))
    else:
        fail(f"install these with your system's package manager, then run this again: {' '.join(packages)}")


def apt(packages: list[str]) -> None:
    """Install Debian packages, as root or through sudo, without starting the services that they bring."""
    root = [] if os.geteuid() == 0 else ["sudo"]
    if root and not shutil.which("sudo"):
        fail(f"as root, run: apt-get install {' '.join(packages)}   and then this again")
    options = ("-y", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0")
    with heartbeat(f"apt-get install {' '.join(packages)}"), services_stay_off(root):
        run(*root, "apt-get", "update", *options, quiet=True)
        install = ("apt-get", "install", "--no-install-recommends", *options, *packages)
        must(
            f"apt-get could not install {' '.join(packages)}: see above",
            *(*root, "env", "DEBIAN_FRONTEND=noninteractive", *install),
        )
    if "rabbitmq-server" in packages and shutil.which("systemctl"):
        # Krabbel starts a node of its own; the machine's, which came just now, would only take memory at each boot.
        run(*root, "systemctl", "disable", "--now", "rabbitmq-server", quiet=True, timeout_s=30)


@contextmanager
def services_stay_off(root: list[str]) -> Iterator[None]:
    """Forbid packages to start services while they are installed: Debian asks this file."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    run(*root, "sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' > {policy} && chmod 755 {policy}")
    try:
        yield
    finally:
        run(*root, "rm", "-f", policy)
