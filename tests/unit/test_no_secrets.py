"""No key, token or password lies in a tracked file."""

import subprocess
from pathlib import Path

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).resolve().parents[2]
DETECTORS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
NOT_TEXT = (".png", ".woff2", ".pt", ".svg")
IN_TESTS = {"Basic Auth Credentials"}
"""Tests make up addresses with passwords of their own."""


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if not name.endswith(NOT_TEXT) and (ROOT / name).exists()]


def found_in(names: list[str]) -> list[str]:
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        return [
            f"{name}:{secret.line_number}: {secret.type}"
            for name in names
            for secret in scan_file(str(ROOT / name))
            if not (name.startswith("tests/") and secret.type in IN_TESTS)
        ]


def test_no_secret_is_tracked() -> None:
    assert found_in(tracked()) == []


def test_scan_finds_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN " + "RSA PRIVATE KEY-----\n")
    (tmp_path / "settings.py").write_text('URL = "amqp://admin:' + 'hunter22@example.org/"\n')
    assert len(found_in([str(path) for path in tmp_path.iterdir()])) == 2
