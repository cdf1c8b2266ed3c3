"""Settings that all services share. Each service's own class inherits :class:`ServiceSettings` and adds its fields.

Values come from environment variables with the prefix ``KRABBEL_``, or from files of the same lower-case name in the
folder that ``KRABBEL_SECRETS_DIR`` names (Docker and Kubernetes secrets). docs/reference/settings.md is generated.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from services.chassis.forwarded import OUR_NETWORKS


class Settings(BaseSettings):
    """Base: prefix, unknown variables ignored (all services share one environment)."""

    model_config = SettingsConfigDict(env_prefix="KRABBEL_", extra="ignore", protected_namespaces=())

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings in a mapping of KRABBEL_* variables, such as that of a running stack."""
        names = {f"KRABBEL_{name.upper()}": name for name in cls.model_fields}
        return cls.model_validate({name: env[variable] for variable, name in names.items() if variable in env})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = os.environ.get("KRABBEL_SECRETS_DIR")
        if folder and Path(folder).is_dir():
            file_secret_settings = SecretsSettingsSource(settings_cls, secrets_dir=folder)
        return init_settings, env_settings, file_secret_settings


class BackendSettings(Settings):
    """Where the three servers are."""

    amqp_url: SecretStr = Field(SecretStr("amqp://guest:guest@127.0.0.1:5672/"), description="RabbitMQ, amqp(s)://")
    mongo_url: SecretStr = Field(
        SecretStr("mongodb://127.0.0.1:27017/?replicaSet=krabbel"), description="MongoDB; a replica set is needed"
    )
    mongo_database: str = Field("krabbel", description="Name of the database")
    s3_endpoint: str = Field("http://127.0.0.1:9000", description="Object store: http(s)://host:port")
    s3_access_key: SecretStr = Field(SecretStr("krabbel"), description="Object store's access key")
    s3_secret_key: SecretStr = Field(SecretStr("krabbel-secret"), description="Object store's secret key")
    s3_bucket: str = Field("krabbel", description="Bucket of all pictures")
    s3_region: str = Field("us-east-1", description="Region used in signatures")
    s3_connections: int = Field(32, ge=1, le=512, description="Connections and threads to the object store, a process")


class ServiceSettings(BackendSettings):
    """What every service process has."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0: any free one")
    public_url: str = Field("http://127.0.0.1:8000", description="How people reach Krabbel; used in links")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal, else JSON")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line to print")
    shutdown_s: float = Field(20.0, gt=0, description="Seconds to finish what is under way after SIGTERM")
    otlp_endpoint: str = Field(
        "",
        description="Collector of traces (OTLP/HTTP), as http://host:4318; needs the extra `otel`; empty: no traces",
    )
    trusted_proxies: str = Field(
        OUR_NETWORKS, description="Networks whose X-Forwarded-For is believed, where an address is limited"
    )
    service_key: SecretStr | None = Field(
        None, description="Shared secret with which the services read from each other (the dashboard from query)"
    )
    api_key: SecretStr | None = Field(
        None, description="The predecessor's one key: uploads with it go to camera_name, reads are allowed with it"
    )
    camera_name: str = Field("Camera", description="Name of the camera behind api_key")
