"""Whom to tell of what. Environment variables with the prefix ``KRABBEL_``."""

from pydantic import Field, SecretStr

from services.chassis.settings import ServiceSettings


class AlertSettings(ServiceSettings):
    """Without a webhook and an address nothing is sent; the feed has all alerts in any case."""

    alert_webhooks: SecretStr = Field(
        SecretStr(""),
        description="Addresses separated by blanks: https://… (Slack, Mattermost), teams+https://…, json+https://…",
    )
    alert_email_to: str = Field("", description="Addresses to write to, separated by blanks")
    alert_email_from: str = Field("krabbel@localhost", description="Sender of e-mails")
    alert_smtp_url: SecretStr = Field(
        SecretStr(""),
        description="Mail server: smtp://host:587 or smtps://host:465, with user and password where needed",
    )
    alert_kinds: str = Field(
        "first_sighting rare_class record_day silent_camera dead_letter", description="What to tell of"
    )
    alert_classes: str = Field("", description="Only these classes, for first sightings and rare ones; empty: all")
    alert_cameras: str = Field("", description="Only these cameras, for silent ones; empty: all")
    alert_language: str = Field("de", pattern="^(de|en)$", description="Language of alerts")
    alert_cooldown_minutes: float = Field(
        60.0, ge=0, description="Least time between two messages of one kind; what comes meanwhile is told together"
    )
    alert_every_s: float = Field(30.0, gt=0, description="Seconds between two looks")
    alert_rare_most: int = Field(5, ge=0, description="A class seen at most so often in all months is rare")
    alert_record_least: int = Field(50, ge=1, description="A day with fewer insects is no record")
    alert_silent_hours: float = Field(24.0, gt=0, description="A camera not heard of for so long is silent, hours")
