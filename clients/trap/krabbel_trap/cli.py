"""The command ``krabbel-trap``: watch a data folder, send one, look how it stands."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from krabbel_trap import __version__
from krabbel_trap.client import TrapClient
from krabbel_trap.errors import TrapError
from krabbel_trap.health import health
from krabbel_trap.insect_detect import SUFFIXES, SeenCrop, read_time, run_of, sessions
from krabbel_trap.memory import Memory
from krabbel_trap.run import TrackingRun
from krabbel_trap.spool import MIB, Spool
from krabbel_trap.transport import Transport, Verdict
from krabbel_trap.watcher import Watcher

log = logging.getLogger("krabbel_trap")


def default_spool() -> str:
    """Return the spool's folder when none is named: systemd's StateDirectory, else below the home folder."""
    given = os.environ.get("KRABBEL_TRAP_SPOOL") or os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return given or str(Path.home() / ".local/state/krabbel-trap")


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="krabbel-trap", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    spool = argparse.ArgumentParser(add_help=False)
    spool.add_argument("--spool", default=default_spool(), help="folder for what is not sent yet (%(default)s)")
    server = argparse.ArgumentParser(add_help=False, parents=[spool])
    server.add_argument("--url", default=os.environ.get("KRABBEL_URL"), help="address of Krabbel")
    server.add_argument("--key-file", type=Path, help="file with the camera's key (or set KRABBEL_KEY)")
    server.add_argument("--camera", help="camera id; only needed with a key for all cameras")
    server.add_argument("--legacy", action="store_true", help="the server is the predecessor (POST /classify/...)")
    server.add_argument("--spool-mb", type=int, default=256, help="most MiB in the spool (%(default)s)")
    server.add_argument("--verbose", action="store_true", help="tell of every run")

    watch = commands.add_parser("watch", parents=[server], help="send what is new in a data folder, for ever")
    watch.add_argument("folder", type=Path, help="data folder of insect-detect")
    watch.add_argument("--quiet-seconds", type=float, default=60, help="a track without a new crop so long has ended")
    watch.add_argument("--poll-seconds", type=float, default=10, help="look so often (%(default)s)")
    watch.add_argument("--heartbeat-seconds", type=float, default=300, help="tell health so often; 0: never")
    watch.set_defaults(run=_watch)

    send = commands.add_parser("send", parents=[server], help="send all of a folder now, and wait for it")
    send.add_argument("folder", type=Path, help="data folder or session of insect-detect, or a folder of one run")
    send.add_argument("--timeout", type=float, default=600, help="seconds to wait (%(default)s)")
    send.set_defaults(run=_send)

    commands.add_parser("status", parents=[spool], help="show what waits, and why").set_defaults(run=_status)
    retry = commands.add_parser("retry", parents=[spool], help="try the refused runs again")
    retry.set_defaults(run=_retry)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    options = parser().parse_args(arguments)
    level = logging.INFO if getattr(options, "verbose", False) or options.command == "watch" else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        return int(options.run(options))
    except (TrapError, OSError) as error:
        print(f"krabbel-trap: {error}", file=sys.stderr)
        return 1


def _client(options: argparse.Namespace) -> TrapClient:
    if not options.url:
        raise TrapError("Name the server with --url, or set KRABBEL_URL.")
    key = _key(options.key_file)
    if not options.folder.is_dir():
        raise TrapError(f"{options.folder} is no folder.")
    return TrapClient(
        options.url, key, options.spool, options.camera, limit_bytes=options.spool_mb * MIB, legacy=options.legacy
    )


def _key(file: Path | None) -> str:
    """Return the key: from a file, from systemd's credential ``key``, or from the environment. Never an argument: all
    users of a computer see those."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if file is None and credentials and (Path(credentials) / "key").is_file():
        file = Path(credentials) / "key"
    key = file.read_text(encoding="utf-8") if file else os.environ.get("KRABBEL_KEY", "")
    if not key.strip():
        raise TrapError("Name the file with the camera's key with --key-file, or set KRABBEL_KEY.")
    return key.strip()


def _watch(options: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _client(options) as client:
        watcher = Watcher(options.folder, client, options.quiet_seconds)
        log.info("watching %s for %s", options.folder, client.transport.url)
        next_beat = 0.0
        while not stop.is_set():
            try:
                handed = watcher.scan()
                if handed:
                    log.info("%d runs handed over, %d tracks under way", handed, watcher.pending())
            except OSError as error:
                log.warning("cannot look into %s: %s", options.folder, error)
            if options.heartbeat_seconds > 0 and next_beat <= time.monotonic() and _beat(client, options.folder):
                next_beat = time.monotonic() + options.heartbeat_seconds
            stop.wait(options.poll_seconds)
        watcher.close()
    return 0


def _beat(client: TrapClient, folder: Path) -> bool:
    """Tell the server how the trap is; False while the camera's id is not known yet."""
    camera_id = client.camera_id
    if camera_id is None:
        return False  # the server tells it with the first run
    if client.transport.legacy:
        return True
    # A transport of its own: the sender's thread uses the other one, perhaps for minutes.
    beat = Transport(client.transport.url, client.key, camera_id)
    answer = beat.heartbeat(camera_id, health(folder, __version__))
    beat.session.close()
    if answer.verdict is not Verdict.SENT:
        log.info("heartbeat was not taken: %s", answer.reason)
    return True


def _send(options: argparse.Namespace) -> int:
    with _client(options) as client:
        deadline = time.monotonic() + options.timeout
        if next(sessions(options.folder), None) is not None:
            watcher = Watcher(options.folder, client, quiet_s=0)
            handed = watcher.scan()
            watcher.close()
        else:
            client.put(_run_of_pictures(options.folder))
            handed = 1
        done = client.flush(max(0.0, deadline - time.monotonic()))
        print(f"{handed} runs handed over; {len(client.spool.entries())} still wait in {client.spool.folder}.")
        refused = client.spool.refusals()
        if refused:
            print(f"{len(refused)} were refused; `krabbel-trap status` tells why.")
        return 0 if done and not refused else 1


def _run_of_pictures(folder: Path) -> TrackingRun:
    """Return the run that a plain folder of pictures makes; times by the files' names, else by their dates."""
    crops = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES):
        named = read_time(path.stem.rpartition("_ID")[0]) if "_ID" in path.stem else None
        crops.append(SeenCrop(path, folder.name, named or _local_time(path)))
    if not crops:
        raise TrapError(f"{folder} is no data folder of insect-detect and holds no picture.")
    return run_of(folder.name, sorted(crops, key=lambda crop: (crop.taken_at, crop.path.name)))


def _local_time(path: Path) -> datetime:
    """Return when a file was changed, by this computer's clock: naive and local, as traps write times."""
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone().replace(tzinfo=None)


def _status(options: argparse.Namespace) -> int:
    spool = Spool(Path(options.spool))
    waiting = spool.entries()
    said = Memory.read(spool.folder)
    print(f"spool     {spool.folder}")
    print(f"waiting   {len(waiting)} runs, {spool.byte_size() / MIB:.1f} MiB")
    if waiting:
        age = max(0.0, time.time() - int(waiting[0].path.name[:20]) / 1e9)
        print(f"oldest    since {age / 3600:.1f} h")
    print(f"sent      {said.get('sent_total', 0)} runs, last {said.get('last_sent_at', 'never')}")
    if said.get("dropped_total"):
        print(f"given up  {said['dropped_total']} runs, because the spool was full")
    trouble = said.get("trouble")
    if isinstance(trouble, dict):
        print(f"trouble   since {trouble.get('since')}: {trouble.get('reason')}")
    for name, reason in spool.refusals().items():
        print(f"refused   {name}: {reason}")
    return 0


def _retry(options: argparse.Namespace) -> int:
    print(f"{Spool(Path(options.spool)).retry_refused()} runs wait again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
