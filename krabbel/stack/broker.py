"""RabbitMQ as a private node, with the Erlang port mapper (epmd) that it needs.

Both listen on loopback only. The machine's own RabbitMQ, if it runs, is not touched: other ports, folders and cookie.
epmd is started by us, in the foreground, instead of by Erlang, which would leave it behind as a daemon.
"""

import json
from typing import Any

from krabbel.stack.credentials import Credentials, write_private
from krabbel.stack.folder import DataFolder
from krabbel.stack.ports import Ports
from krabbel.stack.probes import answers_amqp, answers_tcp
from krabbel.stack.programs import epmd, rabbitmq_server
from krabbel.stack.spec import ProcessSpec
from services.chassis.accounts import accounts

OPERATOR = "krabbel"
NODE = "krabbel@localhost"  # never the machine's name: that may change, and with it the folder of the data

CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
load_definitions = {definitions}
log.console = true
log.console.level = warning
log.file = false
# The default of 512 MB is meant for dedicated machines.
raft.wal_max_size_bytes = 67108864
# Publishers are held back, not messages lost, while less than this is free.
disk_free_limit.absolute = 100MB
vm_memory_high_watermark.relative = 0.4
"""


def broker_specs(folder: DataFolder, ports: Ports, credentials: Credentials) -> list[ProcessSpec]:
    """Return epmd and the broker."""
    root = folder.make("broker")
    home = folder.make("broker", "home")
    port, distribution, mapper = ports.get("amqp"), ports.get("amqp-distribution"), ports.get("epmd")
    configuration, definitions = root / "rabbitmq.conf", root / "definitions.json"
    env = {
        "HOME": str(home),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_CONF_ENV_FILE": str(root / "none.conf"),  # not /etc/rabbitmq/rabbitmq-env.conf
        "RABBITMQ_CONFIG_FILE": str(configuration),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(root / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(root / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(root / "mnesia"),
        "RABBITMQ_LOG_BASE": str(root / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
        # Makes the script become the Erlang machine instead of waiting beside it; it does not detach anything.
        "detached": "1",
    }

    def prepare() -> None:
        configuration.write_text(CONFIGURATION.format(port=port, definitions=definitions))
        configuration.chmod(0o600)
        write_private(definitions, json.dumps(accounts_of(credentials), indent=1))
        (root / "enabled_plugins").write_text("[].\n")
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(credentials.erlang_cookie)
            cookie.chmod(0o400)

    return [
        ProcessSpec(
            name="epmd",
            command=[epmd(), "-port", str(mapper), "-address", "127.0.0.1"],
            env={"HOME": str(home)},
            ready=lambda: answers_tcp(mapper),
            ports={"epmd": mapper},
            grace_s=2,
        ),
        ProcessSpec(
            name="broker",
            command=[rabbitmq_server()],
            env=env,
            cwd="broker",
            ready=lambda: answers_amqp(port),
            ports={"amqp": port, "distribution": distribution},
            needs=("epmd",),
            prepare=prepare,
            start_timeout_s=120,
            grace_s=30,
        ),
    ]


def accounts_of(credentials: Credentials) -> dict[str, Any]:
    """Return RabbitMQ's definitions: the operator's account, and one per service with its own rights."""
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    rights = {OPERATOR: everything, **accounts()["rabbitmq"]}
    passwords = {service: credentials.account_password("rabbitmq", service) for service in accounts()["rabbitmq"]}
    passwords[OPERATOR] = credentials.amqp_password
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {"name": name, "password": password, "tags": "administrator" if name == OPERATOR else ""}
            for name, password in passwords.items()
        ],
        "permissions": [{"user": name, "vhost": "/", **allowed} for name, allowed in rights.items()],
    }


def amqp_url(ports: Ports, credentials: Credentials, service: str | None = None) -> str:
    """Return the address for the operator's commands, or for a service with its own account."""
    user, password = OPERATOR, credentials.amqp_password
    if service is not None:
        user, password = service, credentials.account_password("rabbitmq", service)
    return f"amqp://{user}:{password}@127.0.0.1:{ports.get('amqp')}/"
