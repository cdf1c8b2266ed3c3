"""The classifier's Prometheus metrics."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

STAGE_SECONDS = Histogram(
    "krabbel_classifier_stage_seconds",
    "Time per stage: queue_wait and write of a run, fetch, decode and batch_wait of an image, inference of a batch",
    ["stage"],
    buckets=_SECONDS,
)
PROCESSOR_SECONDS = Counter(
    "krabbel_classifier_processor_seconds_total", "Processor time of the threads that fetch, decode, infer", ["stage"]
)
LOOP_PROCESSOR_SECONDS = Gauge("krabbel_classifier_loop_processor_seconds", "Processor time of the event loop's thread")
BATCH_IMAGES = Histogram(
    "krabbel_classifier_batch_images", "Images in a batch", buckets=(1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256)
)
IMAGES = Counter("krabbel_classifier_images_total", "Images by outcome: classified, or unreadable", ["outcome"])
RUNS = Counter(
    "krabbel_classifier_runs_total",
    "Deliveries by outcome: classified, duplicate, gone, retry, requeued, parked",
    ["outcome"],
)
RETRIES = Counter("krabbel_classifier_retries_total", "Jobs sent to a delay queue", ["delay_s"])
PARKED = Counter("krabbel_classifier_parked_total", "Jobs sent to the parking queue")
PREVIEWS = Counter(
    "krabbel_classifier_previews_total",
    "Thumbnails with contact sheets by outcome: made, there, gone, failed",
    ["outcome"],
)
IN_HAND = Gauge("krabbel_classifier_runs_in_hand", "Runs delivered and not yet settled")
WAITING = Gauge("krabbel_classifier_batch_queue_images", "Decoded images waiting for the device")
MODEL = Gauge("krabbel_classifier_model_info", "1 for the model in use", ["model_id", "runtime", "device", "demo"])
DEVICE_MEMORY = Gauge("krabbel_classifier_device_memory_bytes", "Memory that PyTorch holds on CUDA devices")
