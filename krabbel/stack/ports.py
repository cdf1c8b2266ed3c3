"""Ports on loopback: free ones, remembered, and never the same for two stacks on one machine."""

import contextlib
import fcntl
import json
import os
import random
import socket
import tempfile
from pathlib import Path

from krabbel.stack.errors import PortTaken, StackError

# Below what Linux (32768+) and macOS (49152+) hand out to outgoing connections, so that none of those sits on our port
# when a server restarts.
RANGE = range(20_000, 32_000)


class Ports:
    """The ports of one stack, by name, kept in a file of the data folder.

    "Is it free?" has a gap between the question and the server's own bind, into which a second stack that starts at
    the same moment could fall. So each port is also claimed by an flock on a file of the machine's temporary folder,
    which the kernel gives back when this process ends.
    """

    def __init__(self, file: Path, host: str = "127.0.0.1") -> None:
        self._file = file
        self._host = host
        self._claims: dict[int, int] = {}
        self._ports: dict[str, int] = {}
        with contextlib.suppress(OSError, ValueError):
            self._ports = {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
        self._claimed_names: set[str] = set()
        self._folder = Path(tempfile.gettempdir()) / f"krabbel-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def get(self, name: str) -> int:
        """Return the port of this name: the one of last time if it is free, else another free one."""
        if name in self._claimed_names:
            return self._ports[name]
        known = self._ports.get(name)
        candidates = ([known] if known else []) + random.sample(RANGE, 200)
        for port in candidates:
            if self._claim(port):
                self._ports[name] = port
                self._claimed_names.add(name)
                self._file.write_text(json.dumps(self._ports, indent=1, sort_keys=True))
                return port
        raise StackError(f"No free port between {RANGE.start} and {RANGE.stop}: is something filling this machine?")

    def take(self, name: str, port: int, host: str) -> None:
        """Use a given port, which may be outside of our range.

        Raises:
            PortTaken: somebody else listens there.
        """
        if not is_free(port, host):
            raise PortTaken(
                f"Port {port} on {host} is in use by another program. End that one, or choose another port: "
                f"`krabbel up --port N`, or `make demo PORT=N`."
            )
        self._ports[name] = port
        self._claimed_names.add(name)

    def _claim(self, port: int) -> bool:
        if port in self._claims:
            return False
        descriptor = os.open(self._folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        if not is_free(port, self._host):
            os.close(descriptor)
            return False
        self._claims[port] = descriptor
        return True

    def release(self) -> None:
        """Give all claims back; the numbers stay in the file."""
        for descriptor in self._claims.values():
            os.close(descriptor)
        self._claims.clear()
        self._claimed_names.clear()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True
