"""Set Krabbel up on this machine: ``python3 deploy/setup.py [demo|dev]``. Standard library only; the Makefile calls it.

It makes ``.venv`` (Python 3.11 or newer), installs Krabbel with pinned versions, and the two programs that no wheel
brings: RabbitMQ, and for ``dev`` Chromium. A second run finds everything done and takes no time.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMPS = ROOT / ".setup"
EXTRAS = {"demo": "all", "dev": "dev"}
MINIMUM: "tuple[int, ...]" = (3, 11)
NEWEST_FIRST = ("python3.14", "python3.13", "python3.12", "python3.11")
CPU_INDEX_PATIENCE_S = 45
BEGAN = time.monotonic()


def say(line: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {line}", flush=True)


def fail(line: str) -> NoReturn:
    """End with a message that says what to do."""
    sys.exit(f"setup: {line}")


@contextmanager
def heartbeat(what: str) -> Iterator[None]:
    """Say every ten seconds that something long still goes on."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(10):
            say(f"... still {what}")

    say(what)
    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def run(*command: "str | Path", quiet: bool = False, timeout_s: "float | None" = None, **env: str) -> bool:
    """Run a program; return whether it succeeded in time. Its output is shown only if it failed and is not quiet."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
        )
    except (subprocess.TimeoutExpired, FileNotFoundError) as error:
        if not quiet:
            print(error)
        return False
    if done.returncode and not quiet:
        print(done.stdout.decode(errors="replace")[-4000:], flush=True)
    return done.returncode == 0


def must(otherwise: str, *command: "str | Path") -> None:
    """Run a program; end with a message unless it succeeds."""
    if not run(*command):
        fail(otherwise)


# --- the machine's programs -------------------------------------------------------------------------------------------


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


# --- Python -----------------------------------------------------------------------------------------------------------


def suitable_python() -> str:
    """Return a Python that is new enough: this one, or another on the path."""
    if sys.version_info[:2] >= MINIMUM:
        return sys.executable
    for name in NEWEST_FIRST:
        if shutil.which(name):
            return name
    fail("Python 3.11 or newer is needed (Debian 12 has it: apt-get install python3)")


def make_venv() -> None:
    """Make ``.venv`` unless it is there, with uv in it."""
    python = suitable_python()
    if not run(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))", quiet=True):
        say(f"making {VENV} with {python}")
        if not run(python, "-m", "venv", "--clear", VENV, quiet=True):
            install_programs(["python3-venv"])  # Debian has it apart
            must("python -m venv does not work on this machine", python, "-m", "venv", "--clear", VENV)
    if not UV.exists():
        with heartbeat("installing uv"):
            run(PYTHON, "-m", "ensurepip", quiet=True)
            must("pip could not install uv: see above", PYTHON, "-m", "pip", "install", "--quiet", "uv>=0.7")


def install_krabbel(mode: str) -> None:
    """Install Krabbel, editable, with everything that the mode needs."""
    pip = (UV, "pip", "install", "--python", PYTHON, "--constraint", "constraints.txt")
    backend: tuple[str, ...] = ()
    if sys.platform == "linux" and not has_nvidia():
        backend = cpu_torch(pip)
    with heartbeat("installing Krabbel and what it needs (with torch this can take some minutes)"):
        must("uv could not install: see above", *pip, *backend, "--editable", f".[{EXTRAS[mode]}]")
    report_torch()


def has_nvidia() -> bool:
    """Say whether there is an NVIDIA GPU that torch could use."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def cpu_torch(pip: "tuple[str | Path, ...]") -> tuple[str, ...]:
    """Return uv's option for torch's small CPU build if its index can be reached, else nothing (PyPI's build)."""
    option = "--torch-backend=cpu"
    say("no NVIDIA GPU here: asking for torch's CPU build (0.2 GB instead of 5 GB)")
    packages = ("torch", "torchvision")
    patience = {"UV_HTTP_TIMEOUT": "10", "UV_HTTP_RETRIES": "1"}
    if run(*pip, option, "--dry-run", *packages, quiet=True, timeout_s=CPU_INDEX_PATIENCE_S, **patience):
        return (option,)
    say("its index cannot be reached from here: taking PyPI's build, which also runs on the CPU")
    return ()


def report_torch() -> None:
    """Say which torch it became, and how much disk it takes."""
    for info in VENV.glob("lib/python*/site-packages/torch-*.dist-info"):
        site = info.parent
        names = [site / "torch", *site.glob("nvidia*"), *site.glob("triton*")]
        size = sum(file.lstat().st_size for name in names for file in name.rglob("*") if file.is_file())
        version = info.name.removeprefix("torch-").removesuffix(".dist-info")
        with_cuda = any(site.glob("nvidia*"))
        say(f"torch {version}, {'CUDA' if with_cuda else 'CPU'} build: {size / 1e9:.1f} GB on disk")


def check_mongod() -> None:
    """See whether the database from the wheel runs here; it needs a library that a bare Debian lacks."""
    found = [*VENV.glob("lib/python*/site-packages/fiftyone/db/**/mongod")]
    if found and not run(found[0], "--version", quiet=True) and shutil.which("apt-get"):
        install_programs(["libcurl4"])
    if found and not run(found[0], "--version", quiet=True):
        run(found[0], "--version")
        fail("mongod, the database, does not run on this machine: see the line above")


# --- all of it --------------------------------------------------------------------------------------------------------


def fingerprint(mode: str) -> str:
    """Return what the installation depends on, as a hash."""
    digest = hashlib.sha256(json.dumps([mode, platform.machine(), str(ROOT)]).encode())
    for name in ("pyproject.toml", "constraints.txt", "deploy/setup.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_current(mode: str) -> bool:
    """Say whether this mode was set up, and nothing that matters has changed since."""
    stamp = STAMPS / mode
    return stamp.exists() and stamp.read_text() == fingerprint(mode)


def main() -> None:
    """Do what is missing."""
    mode = sys.argv[1] if len(sys.argv) > 1 else "demo"
    if mode not in EXTRAS:
        fail(f"{mode!r} is none of {', '.join(EXTRAS)}")
    missing = missing_programs(mode)
    enough = ("demo", "dev") if mode == "demo" else ("dev",)  # dev has all that demo has
    done = PYTHON.exists() and any(is_current(name) for name in enough)
    if done and not missing:
        return
    say(f"setting up for {mode!r} in {ROOT}")
    install_programs(missing)
    if not done:
        make_venv()
        install_krabbel(mode)
        check_mongod()
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / mode).write_text(fingerprint(mode))
    say("set up")


if __name__ == "__main__":
    main()
