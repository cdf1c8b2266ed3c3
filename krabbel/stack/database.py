"""MongoDB: one mongod as a replica set of one, with authentication, on loopback."""

import asyncio

from krabbel.stack.credentials import Credentials
from krabbel.stack.folder import DataFolder
from krabbel.stack.ports import Ports
from krabbel.stack.probes import answers_tcp
from krabbel.stack.programs import mongod
from krabbel.stack.spec import ProcessSpec

REPLICA_SET = "krabbel"
USER = "krabbel"
DATABASE = "krabbel"


def database_specs(folder: DataFolder, ports: Ports, credentials: Credentials) -> list[ProcessSpec]:
    """Return mongod."""
    root = folder.make("database")
    port = ports.get("mongo")
    keyfile = root / "keyfile"

    def prepare() -> None:
        if not keyfile.exists():
            keyfile.touch(mode=0o600)
            keyfile.write_text(credentials.mongo_keyfile)
            keyfile.chmod(0o400)
        folder.make("database", "data")

    def settle() -> None:
        from services.chassis.accounts import accounts, ensure_accounts
        from services.chassis.replica_set import ensure_replica_set

        asyncio.run(
            ensure_replica_set(
                f"127.0.0.1:{port}",
                username=USER,
                password=credentials.mongo_password,
                replica_set=REPLICA_SET,
                timeout_s=60,
            )
        )
        passwords = {service: credentials.account_password("mongodb", service) for service in accounts()["mongodb"]}
        asyncio.run(ensure_accounts(mongo_url(ports, credentials), DATABASE, passwords))

    return [
        ProcessSpec(
            name="database",
            command=[
                mongod(),
                *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
                *("--dbpath", str(root / "data"), "--replSet", REPLICA_SET, "--keyFile", str(keyfile)),
                # mongod would take half of the machine's memory, and 5 % of the disk for its operation log.
                *("--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "1024"),
                *("--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet"),
            ],
            cwd="database",
            ready=lambda: answers_tcp(port),
            settle=settle,
            prepare=prepare,
            ports={"mongo": port},
            grace_s=30,
        )
    ]


def mongo_url(ports: Ports, credentials: Credentials, service: str | None = None) -> str:
    """Return the address for the operator's commands, or for a service with its own account."""
    user, password, source = USER, credentials.mongo_password, "admin"
    if service is not None:
        user, password, source = service, credentials.account_password("mongodb", service), DATABASE
    where = f"{user}:{password}@127.0.0.1:{ports.get('mongo')}"
    return f"mongodb://{where}/?replicaSet={REPLICA_SET}&authSource={source}"
