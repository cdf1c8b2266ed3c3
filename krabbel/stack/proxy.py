"""Caddy: the one address that people and traps know. Same Caddyfile as in production."""

from krabbel.stack.folder import DataFolder
from krabbel.stack.ports import Ports
from krabbel.stack.probes import answers_tcp
from krabbel.stack.programs import from_environment_of_python
from krabbel.stack.services import ROOT
from krabbel.stack.spec import ProcessSpec

CADDYFILE = ROOT / "deploy" / "Caddyfile"


def proxy_specs(folder: DataFolder, ports: Ports, *, host: str, port: int, uses: tuple[str, ...]) -> list[ProcessSpec]:
    """Return Caddy, listening on ``host:port``; ``uses`` are the processes that end only after it."""
    home = folder.make("proxy")
    env = {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        # No HTTPS and no redirects here: certificates are for real names.
        "KRABBEL_CADDY_OPTIONS": f"auto_https off\n\tdefault_bind {host}",
        "KRABBEL_SITE": f"http://:{port}",
        **{f"KRABBEL_{name.upper()}": f"127.0.0.1:{ports.get(name)}" for name in ("ingest", "query", "dashboard")},
    }
    return [
        ProcessSpec(
            name="proxy",
            command=[
                from_environment_of_python("caddy"),
                *("run", "--config", str(CADDYFILE), "--adapter", "caddyfile"),
            ],
            env=env,
            ready=lambda: answers_tcp(port, "127.0.0.1" if host in ("0.0.0.0", "::", "") else host),  # noqa: S104
            ports={"http": port},
            uses=uses,
            grace_s=8,
        )
    ]
