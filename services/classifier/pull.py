"""Fetch, check and decode some images of a run, one after the other, in one go in one thread.

A hop between threads costs as much as decoding a crop, so there is one for several images, not several for one.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proto.errors import NotFound
from proto.job import JobImage
from services.classifier.metrics import PROCESSOR_SECONDS, STAGE_SECONDS
from services.classifier.preprocess import Prepared, UnreadableImage, prepare

Fetch = Callable[[str], bytes]
"""Returns an object's bytes by its key, blocking; raises NotFound, or Unavailable while the store is away."""

_FETCH, _DECODE = STAGE_SECONDS.labels("fetch"), STAGE_SECONDS.labels("decode")
_FETCH_PROCESSOR, _DECODE_PROCESSOR = PROCESSOR_SECONDS.labels("fetch"), PROCESSOR_SECONDS.labels("decode")


@dataclass(frozen=True, slots=True)
class Pulled:
    """One image, ready for the network, or the reason why it is not."""

    image: JobImage
    prepared: Prepared | None = None
    error: str | None = None


def pull(images: Sequence[JobImage], fetch: Fetch, size: int) -> list[Pulled]:
    """Return the images in their order. One that cannot be read says why.

    Raises:
        Unavailable: the store is away.
    """
    return [_pull_one(image, fetch, size) for image in images]


def _pull_one(image: JobImage, fetch: Fetch, size: int) -> Pulled:
    started, worked = time.perf_counter(), time.thread_time()
    try:
        data = fetch(image.object_key)
    except NotFound:
        return Pulled(image, error="is not in the object store any more")
    fetched, had_worked = time.perf_counter(), time.thread_time()
    _FETCH.observe(fetched - started)
    _FETCH_PROCESSOR.inc(had_worked - worked)
    try:
        # What was uploaded, and nothing else: the hash stands in the run's document.
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise UnreadableImage("is not what was uploaded (its SHA-256 differs)")
        prepared = prepare(data, size)
    except UnreadableImage as error:
        return Pulled(image, error=str(error))
    _DECODE.observe(time.perf_counter() - fetched)
    _DECODE_PROCESSOR.inc(time.thread_time() - had_worked)
    return Pulled(image, prepared)
