"""What ingest counts. Names as in services/chassis/metrics.py."""

from prometheus_client import Counter, Gauge, Histogram

RUNS_ACCEPTED = Counter("krabbel_ingest_runs_accepted_total", "Runs answered with success", ["source"])
RUNS_REJECTED = Counter("krabbel_ingest_runs_rejected_total", "Refused uploads, by the problem's slug", ["slug"])
IMAGES_SKIPPED = Counter("krabbel_ingest_images_skipped_total", "Unusable images left out of runs of old traps")
BYTES_RECEIVED = Counter("krabbel_ingest_received_bytes_total", "Bytes of images received")
UPLOADS_NOW = Gauge("krabbel_ingest_uploads_in_progress", "Uploads under way")
ACCEPT_SECONDS = Histogram(
    "krabbel_ingest_accept_seconds",
    "From an upload's first byte to durable",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)
SLOWED_DOWN = Counter("krabbel_ingest_slowed_down_total", "Answers that waited because the spool was growing")
SPOOL_ENTRIES = Gauge("krabbel_ingest_spool_entries", "Runs in the spool")
SPOOL_BYTES = Gauge("krabbel_ingest_spool_bytes", "Bytes in the spool, uploads under way included")
SPOOL_AGE = Gauge("krabbel_ingest_spool_oldest_seconds", "Age of the oldest run in the spool, seconds")
SPOOL_BROKEN = Counter("krabbel_ingest_spool_broken_total", "Spool entries set aside because they cannot be read")
RUNS_FORWARDED = Counter("krabbel_ingest_runs_forwarded_total", "Runs handed over to the stores")
FORWARD_SECONDS = Histogram(
    "krabbel_ingest_forward_seconds",
    "Time to hand a run over, by stage",
    ["stage"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 35),
)
FORWARD_RETRIES = Counter("krabbel_ingest_forward_retries_total", "Runs that go back to the spool, by stage", ["stage"])
REPUBLISHED = Counter("krabbel_ingest_republished_total", "Jobs published again by the reconciler", ["status"])
ORPHANS = Gauge("krabbel_ingest_orphan_objects", "Objects without a run, found by the last sweep")
ORPHANS_REMOVED = Counter("krabbel_ingest_orphan_objects_removed_total", "Objects without a run that were removed")
SPOOL_LIMIT = Gauge("krabbel_ingest_spool_limit_bytes", "Most bytes that the spool may have")
SPOOL_FREE = Gauge(
    "krabbel_ingest_spool_disk_free_bytes", "Free bytes on the spool's disk, those to be left free included"
)
QUEUE_JOBS = Gauge(
    "krabbel_ingest_queue_jobs", "Jobs that wait: classify, reclassify, parked (dead letters)", ["queue"]
)
QUEUE_AGE = Gauge("krabbel_ingest_queue_oldest_seconds", "Age of the oldest run that is not classified yet, by receipt")
WATCHED = Gauge("krabbel_ingest_watched_timestamp_seconds", "When queues and cameras were last looked at")
CAMERA_UPLOAD = Gauge(
    "krabbel_ingest_camera_last_upload_timestamp_seconds", "When a registered camera uploaded last", ["camera_id"]
)
CAMERA_SEEN = Gauge(
    "krabbel_ingest_camera_last_seen_timestamp_seconds",
    "When a registered camera uploaded or sent its heartbeat last",
    ["camera_id"],
)
CAMERA_BATTERY = Gauge("krabbel_ingest_camera_battery_ratio", "Battery, 0 to 1, by its last heartbeat", ["camera_id"])
CAMERA_DISK = Gauge(
    "krabbel_ingest_camera_disk_free_bytes", "Free bytes on a camera, by its last heartbeat", ["camera_id"]
)
CERTIFICATE_ENDS = Gauge(
    "krabbel_ingest_certificate_expiry_timestamp_seconds",
    "When the certificate of the public address ends; 0: no HTTPS, 1: clients refuse it",
)
RETENTION_RUNS = Counter("krabbel_retention_runs_total", "Runs whose pictures were removed, by rule", ["rule"])
RETENTION_PICTURES = Counter("krabbel_retention_pictures_total", "Pictures that retention removed, by rule", ["rule"])
RETENTION_BYTES = Counter("krabbel_retention_removed_bytes_total", "Bytes of those pictures, by rule", ["rule"])
RETENTION_WAITING = Gauge(
    "krabbel_retention_waiting_runs", "Runs that would lose pictures, found by the last sweep, which only counted"
)
RETENTION_STORED = Gauge("krabbel_retention_stored_bytes", "Bytes of all pictures; known where `max_bytes` is set")
RETENTION_SWEPT = Gauge("krabbel_retention_swept_timestamp_seconds", "When this process swept last; 0: not yet")
