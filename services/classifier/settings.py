"""The classifier's settings."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from services.chassis.settings import ServiceSettings


class ClassifierSettings(ServiceSettings):
    """What a worker can be told. One worker is one process; start more of them to go faster."""

    model: Path = Field(
        Path("models/demo/krabbel-demo-yolov5n-cls.pt"),
        description="The model file: YOLOv5 checkpoint (.pt), TorchScript (.torchscript) or ONNX (.onnx)",
    )
    data_dir: Path | None = Field(
        None, description="This installation's folder; networks are kept ready to run in its subfolder 'prepared'"
    )
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto: the first CUDA device if there is one, else cpu"
    )
    runtime: Literal[
        "auto",
        "float32",
        "eager",
        "eager-channels-last",
        "frozen",
        "frozen-channels-last",
        "frozen-bfloat16",
        "float16",
    ] = Field(
        "auto",
        description="How a .pt runs. auto: the fastest that keeps top-1 and is at most 0.01 off, measured at start; "
        "float32: the fastest exact one",
    )
    image_size: int | None = Field(
        None, ge=32, le=2048, description="Input size in px, where the model does not say it"
    )
    threads: int = Field(
        0, ge=0, le=256, description="Threads of the network; 0: one less than the cores that the process may use"
    )
    pull_threads: int = Field(8, ge=1, le=64, description="Threads that fetch and decode images")
    batch_size: int = Field(
        32, ge=1, le=1024, description="Most images in a batch; fewer where fewer are measured to be faster"
    )
    batch_wait_ms: float = Field(0.0, ge=0, le=1000, description="How long an idle device waits for a fuller batch")
    batch_seconds: float = Field(0.25, gt=0, le=60, description="Batches shrink so that one takes no longer than this")
    prefetch: int = Field(32, ge=1, le=1000, description="Runs in hand at a time")
    images_in_memory: int = Field(256, ge=1, le=100_000, description="Images in hand at a time, over all runs")
    min_images: int = Field(1, ge=1, le=1000, description="A run with fewer readable images is always 'unclear'")
    job_timeout_s: float = Field(
        600.0, gt=0, lt=1800, description="Longest time for one run; the broker takes a job away after 1800 s"
    )
    retry_delays_s: tuple[float, ...] = Field(
        (5.0, 30.0, 300.0),
        min_length=1,
        description="Waits before a job is tried again while store or database are away; the last one repeats",
    )
