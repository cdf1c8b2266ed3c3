"""Run one program so that nothing of it outlives its supervisor. Standard library only; started by path, not imported.

    python guard.py CONTROL_FD GRACE_SECONDS PROGRAM [ARGUMENT ...]

Why a process in between? A supervisor killed with ``kill -9`` cannot clean up, and the servers that we run start
helpers of their own (Erlang's ``epmd`` and ``erl_child_setup``, shells, ``inet_gethost``), some of which leave the
process group and the session. So each program gets a guard, which has three ways to notice and to reach everything:

1. **A socket whose other end only the supervisor holds.** The kernel closes that end when the supervisor dies, however
   it dies; the guard reads end-of-file and ends its program (SIGTERM, GRACE_SECONDS, then SIGKILL). This works on every
   Unix. The same socket carries the guard's orders (``T``: end cleanly, ``K``: kill now) and brings back the pid.
2. **It is a "child subreaper"** (Linux): whatever daemonises itself becomes the guard's child instead of init's, so the
   tree below the guard is always complete, and the guard kills until it has no child left. On macOS, which has no such
   thing, the guard kills the program's process group; programs there are started so that they do not daemonise.
3. **Parent-death signal** (Linux): should the guard itself be killed, the kernel kills its program.

The guard is in a session of its own: Ctrl-C in the terminal reaches only the supervisor, which then ends things in
order. It exits as its program did, so the supervisor simply waits for the guard. It also holds, unused, the descriptor
of the data folder's lock: the folder stays locked until the last program is gone, even after ``kill -9`` of the
supervisor, so that the next start does not meet the programs of the last one.
"""

import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform == "linux"
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def prctl(option: int, value: int) -> None:
    """Call Linux's prctl; elsewhere nothing happens."""
    if LINUX:
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def start(command: list[str]) -> int:
    """Fork and run the program in a session of its own; return its pid."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(125)  # the guard died before the line above took effect
        signal.set_wakeup_fd(-1)
        for number in (*FORWARDED, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.stderr.flush()
    finally:
        os._exit(127)


def descendants() -> list[int]:
    """Return the pids of everything below this process (Linux)."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  # pathlib would double the guard's start time
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
                    parents[int(entry)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found, queue = [], [os.getpid()]
    while queue:
        above = queue.pop()
        below = [pid for pid, parent in parents.items() if parent == above]
        found += below
        queue += below
    return found


def kill_everything(leader: int) -> None:
    """SIGKILL all that is below, again and again until nothing is left to wait for."""
    while True:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
        for pid in descendants() if LINUX else ():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def reap(leader: int) -> int | None:
    """Collect dead children; return the program's exit code once it is among them."""
    code = None
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return code
            if pid == leader:
                code = os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        return code


def main() -> int:
    """Start the program and obey the control socket until it has ended."""
    control = socket.socket(fileno=int(sys.argv[1]))
    grace_s = float(sys.argv[2])
    for descriptor in os.listdir("/dev/fd"):  # noqa: PTH208
        try:
            if int(descriptor) > 2:
                os.set_inheritable(int(descriptor), False)  # neither the control socket nor the lock is for the program
        except OSError:
            continue
    woken, wake = socket.socketpair()
    for end in (woken, wake, control):
        end.setblocking(False)
    orders: list[bytes] = []
    for number in FORWARDED:
        signal.signal(number, lambda *_: orders.append(b"T"))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    prctl(PR_SET_CHILD_SUBREAPER, 1)

    leader = start(sys.argv[3:])
    control.send(b"%d\n" % leader)
    listening: list[socket.socket] = [control, woken]
    deadline: float | None = None
    code: int | None = None
    while code is None:
        wait_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable = select.select(listening, [], [], wait_s)[0]
        if woken in readable:
            woken.recv(4096)
        if control in readable:
            try:
                received = control.recv(64)
            except OSError:
                received = b""
            if not received:
                listening.remove(control)  # the supervisor is gone
            orders.append(received or b"T")
        code = reap(leader)
        if code is not None:
            break
        if any(b"K" in order for order in orders) or (deadline is not None and time.monotonic() >= deadline):
            break
        if orders and deadline is None:
            deadline = time.monotonic() + grace_s
            os.kill(leader, signal.SIGTERM)
        orders.clear()
    kill_everything(leader)
    if code is None:
        code = -signal.SIGKILL
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
