"""The settings of ingest: where the spool lies, and every limit of an upload."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from services.chassis.settings import ServiceSettings

MIB = 1024 * 1024


class IngestSettings(ServiceSettings):
    """Limits are generous: a refused upload is an insect lost, since deployed traps never try again."""

    admin_key: SecretStr | None = Field(
        None, description="Shared secret with which the dashboard hands over what its administrators change"
    )
    spool_dir: Path = Field(Path("data/spool"), description="Folder of the spool, on a disk that survives a restart")
    spool_bytes: int = Field(10 * 1024 * MIB, ge=MIB, description="Most bytes in the spool; beyond it uploads get 503")
    spool_min_free_bytes: int = Field(256 * MIB, ge=0, description="Least free bytes to leave on the spool's disk")

    upload_max_file_bytes: int = Field(32 * MIB, ge=1, description="Largest image, bytes (else 413)")
    upload_max_run_bytes: int = Field(512 * MIB, ge=1, description="Largest upload, bytes of all parts (else 413)")
    upload_max_files: int = Field(2000, ge=1, description="Most images of one run (else 413)")
    upload_max_pixels: int = Field(16_000_000, ge=1, description="Most pixels of one image (else 413)")
    upload_seconds: float = Field(600.0, gt=0, description="Longest time for one upload, seconds (else 408)")
    upload_idle_seconds: float = Field(30.0, gt=0, description="Longest silence within an upload, seconds (else 408)")
    uploads_per_camera: int = Field(64, ge=1, description="Uploads of one camera at the same time; more wait")
    uploads_at_once: int = Field(128, ge=1, description="Uploads of all cameras at the same time; more wait")
    upload_wait_seconds: float = Field(15.0, ge=0, description="Longest wait for such a place, seconds (else 429)")
    answer_wait_seconds: float = Field(
        1.0, ge=0, description="How long /api/v1/runs waits for the stores before it answers, so that its link works"
    )
    slow_down_seconds: float = Field(
        1.0, ge=0, description="Longest wait of an answer when runs come faster than the stores take them; 0: never"
    )
    start_wait_seconds: float = Field(
        3.0, ge=0, description="How long a start waits for the keys in the database, seconds; then the kept ones count"
    )
    failed_keys_per_minute: int = Field(30, ge=1, description="Wrong keys from one address in a minute before 429")

    forward_concurrency: int = Field(24, ge=1, le=64, description="Runs forwarded to the stores at the same time")
    check_threads: int = Field(2, ge=1, le=32, description="Threads that hash and decode images")
    watch_seconds: float = Field(10.0, gt=0, description="Seconds between two looks at queues and cameras, for metrics")
    reconcile_seconds: float = Field(30.0, gt=0, description="Seconds between two rounds of the reconciler")
    republish_after_seconds: float = Field(60.0, gt=0, description="Age at which a `received` run is published again")
    requeue_after_seconds: float = Field(
        900.0, gt=0, description="Age at which a `queued` run is published again, if the broker holds no job at all"
    )
    sweep: Literal["off", "dry-run", "on"] = Field(
        "dry-run", description="Daily search for objects that no run refers to: not at all, log only, or remove"
    )
    sweep_grace_hours: float = Field(72.0, ge=1, description="An object younger than this is never an orphan, hours")
    retention_seconds: float = Field(
        3600.0, gt=0, description="Seconds between two sweeps of retention; its rules stand in the database"
    )
    retention_runs_per_sweep: int = Field(
        5000, ge=1, description="Most runs whose pictures one sweep removes; while more wait, the next begins soon"
    )
    retention_disk: Path | None = Field(
        None, description="Folder on the disk that the rule `min_free_bytes` looks at; unset: the spool's"
    )
    failpoint: str = Field("", description="For tests only: name of the step at which the process kills itself")
