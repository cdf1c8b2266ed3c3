"""Settings of the query service. Environment variables with the prefix ``KRABBEL_``."""

from pydantic import Field, SecretStr

from services.query.alerts.settings import AlertSettings
from services.query.exports.settings import ExportSettings


class QuerySettings(AlertSettings, ExportSettings):
    """Settings of ``python -m services.query``."""

    public_read: bool = Field(False, description="Anyone may read without a key (never the exact place of a camera)")
    page_limit: int = Field(500, ge=1, le=10_000, description="Largest page of a list that a reader may ask for")
    live_readers: int = Field(4000, ge=1, description="Most open live streams in this process; more are answered 503")
    live_backlog_bytes: int = Field(
        512 * 1024, ge=4096, description="Unsent bytes after which a slow live reader is cut off (it may resume)"
    )
    live_history: int = Field(2000, ge=0, description="Recent live events kept in memory, for readers that resume")
    live_heartbeat_s: float = Field(10.0, gt=0, description="Seconds between heartbeats on a live stream")
    image_cache_bytes: int = Field(
        64 * 1024**2, ge=0, description="Memory for recently shown pictures, so that a gallery asks the store once"
    )
    s3_public_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+/?)?$",
        description="The object store as readers reach it, http(s)://host:port, for presigned addresses; empty: none",
    )
    presigned_seconds: int = Field(
        3600, ge=1, le=604_800, description="Longest lifetime of a presigned address, seconds"
    )
    embeds: bool = Field(
        True, description="Show counts and the latest visitor at /embed/… to anyone, for articles (never a place)"
    )
    embed_cameras: str = Field("", description="Ids of the cameras that embeds may show, with commas; empty: all")
    embed_sites: str = Field(
        "*", description="Sites that may frame and read the embeds, with spaces: https://example.org; *: any"
    )
    embed_readers: int = Field(5000, ge=1, description="Most open streams of embeds in this process")
    session_idle_hours: float = Field(
        72.0, gt=0, description="Who is signed in and has no page open for so long must sign in again, hours"
    )
    session_days: float = Field(30.0, gt=0, description="Longest time for which one stays signed in, days")
    sign_in_failures: int = Field(
        10,
        ge=1,
        description="Wrong passwords for one name, or twice as many from one address, in 15 minutes before 429",
    )
    admin_password: SecretStr | None = Field(
        None, description="Password of the first user `admin`, who is made while there is no user at all"
    )
