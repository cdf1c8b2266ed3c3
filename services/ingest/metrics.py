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
