"""Set Krabbel up on this machine: ``python3 deploy/setup.py [demo|dev]``. Standard library only; the Makefile calls it.

It makes ``.venv`` (Python 3.11 or newer), installs Krabbel with pinned versions, and the two programs that no wheel
brings: RabbitMQ, and for ``dev`` Chromium. A second run finds everything done and takes no time.
"""

import hashlib
import json
import platform
import shutil
import sys
from pathlib import Path

from setup_packages import install_programs, missing_programs
from setup_tools import ROOT, fail, heartbeat, must, run, say

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMPS = ROOT / ".setup"
EXTRAS = {"demo": "all", "dev": "dev"}
MINIMUM: "tuple[int, ...]" = (3, 11)
NEWEST_FIRST = ("python3.14", "python3.13", "python3.12", "python3.11")
CPU_INDEX_PATIENCE_S = 45
INPUTS = ("pyproject.toml", "constraints.txt", "deploy/setup.py", "deploy/setup_packages.py", "deploy/setup_tools.py")


def suitable_python() -> str:
    """Return a Python that is new enough: this one, or another on the path."""
    candidates = [sys.executable] if sys.version_info[:2] >= MINIMUM else []
    candidates += filter(shutil.which, NEWEST_FIRST)
    if not candidates:
        fail("Python 3.11 or newer is needed (Debian 12 has it: apt-get install python3)")
    return candidates[0]


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
        wanted = ("--editable", f".[{EXTRAS[mode]}]")
        if not (backend and run(*pip, *backend, *wanted, quiet=True)):
            must("uv could not install: see above", *pip, *wanted)
    report_torch()


def has_nvidia() -> bool:
    """Say whether there is an NVIDIA GPU that torch could use."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def cpu_torch(pip: "tuple[str | Path, ...]") -> tuple[str, ...]:
    """Return uv's option for torch's small CPU build if its index can be reached, else nothing (PyPI's build)."""
    option = "--torch-backend=cpu"
    say("no NVIDIA GPU here: asking for torch's CPU build (0.2 GB instead of 5 GB)")
    packages = ("--reinstall-package", "torch", "torch", "torchvision")  # ask even if there is one
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


def fingerprint(mode: str) -> str:
    """Return what the installation depends on, as a hash."""
    digest = hashlib.sha256(json.dumps([mode, platform.machine(), str(ROOT)]).encode())
    for name in INPUTS:
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
