"""The whole system on one machine, as child processes: for `krabbel up`, tests and benchmarks."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from krabbel.stack.broker import amqp_url, broker_specs
from krabbel.stack.component import Component, State
from krabbel.stack.credentials import Credentials, load_or_create
from krabbel.stack.database import database_specs, mongo_url
from krabbel.stack.errors import StackError
from krabbel.stack.folder import DataFolder
from krabbel.stack.objects import object_store_specs, s3_env
from krabbel.stack.ports import Ports
from krabbel.stack.proxy import proxy_specs
from krabbel.stack.services import SERVICES, http_services, service_specs, shared_settings
from krabbel.stack.spec import ProcessSpec
from krabbel.stack.state import ProcessState, StackState, write_env, write_state
from krabbel.stack.supervisor import Supervisor
from services.chassis.accounts import accounts

BACKENDS = ("broker", "database", "objects")
EVERYTHING = (*BACKENDS, *SERVICES)
ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104


def _silent(_component: Component) -> None:
    return None


class EmbeddedStack:
    """Servers and services in one data folder. Calls block; use ``asyncio.to_thread`` from a loop.

    Example::

        with EmbeddedStack(tmp_path, services=BACKENDS) as stack:
            print(stack.env["KRABBEL_AMQP_URL"])
            stack.kill("broker")  # SIGKILL; it is restarted by itself
            stack.wait_until_up("broker")

    Attributes:
        env: the KRABBEL_* settings with which services and clients reach this stack (after :meth:`start`).
        urls: the HTTP address of each process that has one.
    """

    def __init__(
        self,
        data_dir: Path | str,
        services: Sequence[str] = BACKENDS,
        *,
        workers: int = 1,
        port: int = 0,
        host: str = "127.0.0.1",
        settings: Mapping[str, str] | None = None,
        watch: Callable[[Component], None] = _silent,
    ) -> None:
        """Say what to start; nothing happens yet.

        Args:
            data_dir: everything is kept there. Two stacks never share one.
            services: parts to start, of ``BACKENDS`` and ``SERVICES``.
            workers: classifier processes, where ``services`` has the classifier.
            port: the proxy's port; 0: any free one, the same again next time.
            host: the proxy's address. All others listen on loopback always.
            settings: KRABBEL_* settings that go before the stack's own (for example servers that run elsewhere).
            watch: called, from several threads, at each change of a process's state.
        """
        self.folder = DataFolder(Path(data_dir))
        self.env: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self._services = tuple(services)
        self._workers = workers
        self._port = port
        self._host = host
        self._settings = dict(settings or {})
        self._watch = watch
        self._ports: Ports | None = None
        self._started_at = 0.0
        self._writing = threading.Lock()
        self._supervisor = Supervisor(self.folder, self._publish)

    def start(self) -> Self:
        """Start everything and return once all of it serves.

        Raises:
            AlreadyRunning: another stack uses the folder.
            ProgramMissing: a server is not installed.
            StartFailed: a process did not become ready; the message names its log. Nothing is left running.
        """
        self.folder.open()
        try:
            self._ports = Ports(self.folder.root / "ports.json")
            credentials = load_or_create(self.folder.root / "secrets.json")
            self._find_addresses(self._ports)
            self.env = self._environment(self._ports, credentials)
            specs = self._specs(self._ports, credentials)
            self._started_at = time.time()
            write_env(self.folder.root, self.env)
            self._supervisor.start(specs)
        except BaseException:
            self._release()
            raise
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End everything in order; with ``kill``, by SIGKILL. The data stays."""
        self._supervisor.stop(kill=kill)
        self._release()

    def add(self, spec: ProcessSpec) -> None:
        """Keep one more process running in this stack (a simulator); it ends before all others."""
        self._supervisor.add(replace(spec, uses=tuple(self._supervisor.components)))

    def kill(self, name: str, *, stay_down: bool = False) -> None:
        """SIGKILL a process and all below it, as a crash would; it restarts by itself unless it shall stay down."""
        component = self._supervisor.get(name)
        if stay_down:
            component.stop(kill=True)
            return
        before = component.restarts
        if component.process is not None:
            component.process.kill()
        component.wait_for(lambda: component.state is not State.UP or component.restarts > before, 30)

    def halt(self, name: str) -> None:
        """End one process cleanly; it stays down until :meth:`restart`."""
        self._supervisor.get(name).stop()

    def restart(self, name: str) -> None:
        """End a process cleanly (if it runs), start it, and return once it serves."""
        component = self._supervisor.get(name)
        component.stop()
        component.start()
        component.wait_until_up()

    def wait_until_up(self, name: str, timeout_s: float = 60.0) -> None:
        """Return once the process serves (again).

        Raises:
            StartFailed: it does not.
        """
        self._supervisor.get(name).wait_until_up(timeout_s)

    def pid(self, name: str) -> int | None:
        """Return the pid of a process, None while it does not run."""
        process = self._supervisor.get(name).process
        return None if process is None else process.pid

    def port(self, name: str) -> int:
        """Return the port of this name (``ingest``, ``amqp``, ``mongo``, ``s3``, ...), whether or not it serves."""
        return self._known_ports().get(name)

    def _known_ports(self) -> Ports:
        if self._ports is None:
            raise StackError("The stack is not started.")
        return self._ports

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    def _find_addresses(self, ports: Ports) -> None:
        self.urls = {
            name: f"http://127.0.0.1:{ports.get(name)}" for name in http_services(self._services, self._workers)
        }
        if "proxy" in self._services:
            if self._port:
                ports.take("proxy", self._port, self._host)
            shown = "127.0.0.1" if self._host in ANY_ADDRESS else self._host
            self.urls["public"] = f"http://{shown}:{ports.get('proxy')}"

    def _environment(self, ports: Ports, credentials: Credentials) -> dict[str, str]:
        env = {
            "KRABBEL_DATA_DIR": str(self.folder.root),
            "KRABBEL_MONGO_DATABASE": "krabbel",
            "KRABBEL_API_KEY": credentials.api_key,
            "KRABBEL_SERVICE_KEY": credentials.service_key,
            "KRABBEL_COOKIE_SECRET": credentials.cookie_secret,
        }
        if "broker" in self._services:
            env["KRABBEL_AMQP_URL"] = amqp_url(ports, credentials)
        if "database" in self._services:
            env["KRABBEL_MONGO_URL"] = mongo_url(ports, credentials)
        if "objects" in self._services:
            env |= s3_env(ports, credentials)
        env |= shared_settings(self.folder, ports, self.urls.get("public", ""), self._workers)
        return env | self._settings

    def _specs(self, ports: Ports, credentials: Credentials) -> list[ProcessSpec]:
        specs: list[ProcessSpec] = []
        if "broker" in self._services:
            specs += broker_specs(self.folder, ports, credentials)
        if "database" in self._services:
            specs += database_specs(self.folder, ports, credentials)
        if "objects" in self._services:
            specs += object_store_specs(self.folder, ports, credentials)
        servers = tuple(spec.name for spec in specs)
        names = http_services(self._services, self._workers)
        own = {name: self.own_settings(name.partition("-")[0]) for name in names}
        specs += service_specs(names, self.env, ports, servers, own)
        if "proxy" in self._services:
            port = ports.get("proxy")
            specs += proxy_specs(self.folder, ports, host=self._host, port=port, uses=tuple(names))
        return specs

    def own_settings(self, service: str) -> dict[str, str]:
        """Return what one service alone knows: its own account on each server here, and the administrators' key."""
        ports, credentials = self._known_ports(), load_or_create(self.folder.root / "secrets.json")
        own = {}
        if service in ("dashboard", "ingest"):
            own["KRABBEL_ADMIN_KEY"] = credentials.admin_key
        if service in accounts()["rabbitmq"] and "broker" in self._services:
            own["KRABBEL_AMQP_URL"] = amqp_url(ports, credentials, service)
        if service in accounts()["mongodb"] and "database" in self._services:
            own["KRABBEL_MONGO_URL"] = mongo_url(ports, credentials, service)
        if service in accounts()["s3"] and "objects" in self._services:
            own |= s3_env(ports, credentials, service)
        return {name: value for name, value in own.items() if name not in self._settings}

    def _publish(self, changed: Component) -> None:
        """Tell who watches, and write what runs to the data folder, for `krabbel status`."""
        self._watch(changed)
        with self._writing:
            if self.folder.lock_fd is None:
                return
            processes = {}
            for name, component in list(self._supervisor.components.items()):
                process = component.process
                processes[name] = ProcessState(
                    state=component.state,
                    pid=process.pid if process else None,
                    guard_pid=process.guard_pid if process else None,
                    ports=dict(component.spec.ports),
                    started_at=component.started_at,
                    restarts=component.restarts,
                    log=str(self.folder.log_of(name)),
                )
            state = StackState(os.getpid(), self._started_at, self.urls.get("public"), processes)
            write_state(self.folder.root, state)

    def _release(self) -> None:
        if self._ports is not None:
            self._ports.release()
        with self._writing:
            self.folder.close()
