"""The passwords and keys of one stack: made once, kept in ``secrets.json`` (0600) of the data folder, never printed.

But for one: the first user's password is said once, when the first start is ready.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from services.chassis.passwords import generated


@dataclass(slots=True)
class Credentials:
    """Everything secret. Each field is random unless the file already has it."""

    api_key: str = field(default_factory=lambda: "krabbel_" + secrets.token_urlsafe(24))
    service_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    admin_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    cookie_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    amqp_password: str = field(default_factory=lambda: secrets.token_hex(24))
    erlang_cookie: str = field(default_factory=lambda: secrets.token_hex(20))
    mongo_password: str = field(default_factory=lambda: secrets.token_hex(24))
    mongo_keyfile: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(96)).decode())
    s3_access_key: str = field(default_factory=lambda: secrets.token_hex(10))
    s3_secret_key: str = field(default_factory=lambda: secrets.token_hex(24))
    object_admin_password: str = field(default_factory=lambda: secrets.token_hex(24))
    accounts_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    admin_password: str = field(default_factory=generated)
    """Of the dashboard's first user ``admin``, as it was made; `krabbel user passwd` sets another one."""

    def account_password(self, server: str, service: str) -> str:
        """Return the password of a service's own account on a server (``mongodb``, ``rabbitmq``, ``s3``)."""
        return hmac.new(self.accounts_secret.encode(), f"{server}:{service}".encode(), hashlib.sha256).hexdigest()[:48]


def load_or_create(file: Path) -> Credentials:
    """Return the folder's credentials, making those that are missing."""
    known = json.loads(file.read_text()) if file.exists() else {}
    names = Credentials.__dataclass_fields__
    credentials = Credentials(**{name: value for name, value in known.items() if name in names})
    if asdict(credentials) != known:
        save(file, credentials)
    return credentials


def save(file: Path, credentials: Credentials) -> None:
    """Write the file so that it is whole or not there, and readable by its owner only."""
    write_private(file, json.dumps(asdict(credentials), indent=2) + "\n")


def write_private(file: Path, text: str) -> None:
    """Replace a file atomically, with mode 0600 from its first byte on."""
    temporary = file.with_name(file.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
    temporary.replace(file)
