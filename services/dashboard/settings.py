"""Settings of the dashboard."""

import secrets
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from services.chassis.settings import ServiceSettings


class DashboardSettings(ServiceSettings):
    """What the dashboard needs besides what every service has."""

    query_url: str = Field("http://127.0.0.1:8082", description="Where the query service is: http(s)://host:port")
    ingest_url: str = Field(
        "http://127.0.0.1:8081", description="Where the gateway is, which takes what people decide: http(s)://host:port"
    )
    admin_key: SecretStr | None = Field(
        None,
        description="Shared secret with which the dashboard hands what administrators change to the gateway; "
        "without it nobody can change cameras, keys, models and rules in the dashboard",
    )
    cookie_secret: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_urlsafe(32)),
        description="Signs session ids and cookies; the same for all replicas. Without it each start makes its own",
    )
    visitor_role: Literal["reader", "none"] = Field(
        "reader",
        description="What those may do in the dashboard who are not signed in: see all pages of readers, or nothing",
    )
    oidc_issuer: str = Field(
        "", description="Identity provider (OpenID Connect) where people may sign in: its https address; empty: none"
    )
    oidc_client_id: str = Field("", description="How the provider knows this Krabbel")
    oidc_client_secret: SecretStr | None = Field(None, description="What it proves that with")
    oidc_name: str = Field("", description="What people call the provider; stands on the button")
    oidc_roles: str = Field(
        "", description="Who may do what: anna@example.org=admin @example.org=editor; addresses go before domains"
    )
    dashboard_origins: str = Field(
        "", description="Further hosts (host:port, comma-separated, * for any) whose pages may open the live connection"
    )

    def origins(self) -> list[str]:
        """Return the hosts that may open the websocket: the public one under its usual names, ours, and those given."""
        public = urlsplit(self.public_url)
        port = public.port or (443 if public.scheme == "https" else 80)
        names = {f"{public.hostname}:{port}", f"{self.host}:{self.port}"}
        if public.hostname in ("127.0.0.1", "localhost"):
            names |= {f"localhost:{port}", f"127.0.0.1:{port}"}
        return sorted(names | {part.strip() for part in self.dashboard_origins.split(",") if part.strip()})
