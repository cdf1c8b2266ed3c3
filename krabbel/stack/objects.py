"""The object store: SeaweedFS's S3 gateway with its master, volume and filer servers, in one process.

``weed mini`` and not ``weed server``: measured, the former starts in 0.8 s and ends in 3 s, the latter takes 11 s to
start again (it waits for other masters to vote) and 16 s to end. All that mini opens besides is off or on loopback.

Each service has an identity of its own, with the policy of proto/accounts.json; the store reads them at its start.

Writes are fsynced (a rule for the path /buckets/): 1000-1200 puts a second of 12 kB instead of 1450 with 16 clients.
The filer's own index of names is not: losing power may lose the names of the last moments' objects. A crash of the
process loses nothing.
"""

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from krabbel.stack.child import inherited_environment
from krabbel.stack.credentials import Credentials, write_private
from krabbel.stack.errors import StartFailed
from krabbel.stack.folder import DataFolder
from krabbel.stack.ports import Ports
from krabbel.stack.probes import answers_http
from krabbel.stack.programs import from_environment_of_python
from krabbel.stack.spec import ProcessSpec
from services.chassis.accounts import accounts
from services.chassis.s3_policy import EVERY, OPERATOR, Key, seaweedfs_identities

BUCKET = "krabbel"
PARTS = ("master", "volume", "filer", "s3", "admin")
ROOM_TRIES = 150
ROOM_PAUSE_S = 0.2
FSYNC_RULE = b"fs.configure -locationPrefix=/buckets/ -fsync -apply\n"


def object_store_specs(folder: DataFolder, ports: Ports, credentials: Credentials) -> list[ProcessSpec]:
    """Return SeaweedFS."""
    root = folder.make("objects")
    weed = from_environment_of_python("weed")
    numbers = {f"{part}{suffix}": ports.get(f"{part}{suffix}") for part in PARTS for suffix in ("", ".grpc")}
    identities = root / "identities.json"
    env = {"HOME": str(root), "WEED_ADMIN_PASSWORD": credentials.object_admin_password}
    command = [
        *(weed, "-logtostderr", "mini", f"-dir={root}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-{part}.port{suffix}={numbers[part + suffix]}" for part in PARTS for suffix in ("", ".grpc")),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-webdav=false", "-admin.ui=false"),
        *("-master.telemetry=false", "-master.electionTimeout=1s", "-master.volumeSizeLimitMB=1024"),
        *("-volume.max=0", "-volume.preStopSeconds=0", f"-bucket={BUCKET}"),
        f"-s3.config={identities}",
    ]

    def prepare() -> None:
        clean()
        keys = {service: key_of(credentials, service) for service in accounts()["s3"]}
        # The store is the operator's own: commands and tests may have further buckets in it, services have none.
        known = seaweedfs_identities(BUCKET, keys, operator_bucket=EVERY)
        write_private(identities, json.dumps(known, indent=1))

    def clean() -> None:
        # It remembers the options of last time, and leaves sockets behind when it is killed.
        (root / "mini.options").unlink(missing_ok=True)
        for part in PARTS:
            Path(f"/tmp/seaweedfs-{part}-grpc-{numbers[part + '.grpc']}.sock").unlink(missing_ok=True)  # noqa: S108
            Path(f"/tmp/seaweedfs-{part}-{numbers[part]}.sock").unlink(missing_ok=True)  # noqa: S108

    return [
        ProcessSpec(
            name="objects",
            command=command,
            env=env,
            cwd="objects",
            ready=lambda: answers_http(numbers["s3"], "/healthz"),
            settle=lambda: _settle(weed, numbers, env),
            prepare=prepare,
            finish=clean,
            ports={"s3": numbers["s3"]},
            grace_s=20,
        )
    ]


def _settle(weed: str, numbers: dict[str, int], env: dict[str, str]) -> None:
    _ensure_fsync(weed, numbers, env)
    _wait_for_room(numbers["master"])


def _wait_for_room(master_port: int) -> None:
    """Wait until a write would find a volume.

    The gateway is healthy before the master knows of any, and answers 500 to writes until then: on a busy machine for
    longer than clients ask again.
    """
    said = ""
    for _ in range(ROOM_TRIES):
        try:
            address = f"http://127.0.0.1:{master_port}/dir/assign?collection={BUCKET}"
            with urllib.request.urlopen(address, timeout=10) as answer:
                said = answer.read().decode()
            if "fid" in json.loads(said):
                return
        except (OSError, ValueError) as error:
            said = str(error)
        time.sleep(ROOM_PAUSE_S)
    raise StartFailed(f"SeaweedFS has no volume to write to: {said}. Is the disk of the data folder full?")


def _ensure_fsync(weed: str, numbers: dict[str, int], env: dict[str, str]) -> None:
    """Have every object written to the disk before its upload is answered. The rule stays: once is enough."""
    if _fsyncs(numbers["filer"]):
        return
    master = f"127.0.0.1:{numbers['master']}.{numbers['master.grpc']}"
    filer = f"127.0.0.1:{numbers['filer']}.{numbers['filer.grpc']}"
    try:
        subprocess.run(
            [weed, "shell", f"-master={master}", f"-filer={filer}"],
            input=FSYNC_RULE,
            env={**inherited_environment(), **env},
            capture_output=True,
            timeout=20,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", None) or b""
        raise StartFailed(f"SeaweedFS did not take the rule to fsync: {error} {said.decode()}") from error
    if not _fsyncs(numbers["filer"]):
        raise StartFailed("SeaweedFS took the rule to fsync but does not show it")


def _fsyncs(filer_port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{filer_port}/etc/seaweedfs/filer.conf", timeout=5) as answer:
            rules = json.load(answer).get("locations", [])
    except (OSError, ValueError):
        return False
    return any(rule.get("locationPrefix") == "/buckets/" and rule.get("fsync") for rule in rules)


def key_of(credentials: Credentials, service: str) -> Key:
    """Return a service's account in the store; the operator has the one that installations had for all."""
    if service == OPERATOR:
        return Key(credentials.s3_access_key, credentials.s3_secret_key)
    return Key(service, credentials.account_password("s3", service))


def s3_env(ports: Ports, credentials: Credentials, service: str = OPERATOR) -> dict[str, str]:
    """Return the settings for the operator's commands, or for a service with its own account."""
    key = key_of(credentials, service)
    return {
        "KRABBEL_S3_ENDPOINT": f"http://127.0.0.1:{ports.get('s3')}",
        "KRABBEL_S3_ACCESS_KEY": key.access,
        "KRABBEL_S3_SECRET_KEY": key.secret,
        "KRABBEL_S3_BUCKET": BUCKET,
        "KRABBEL_S3_REGION": "us-east-1",
    }
