"""What is to happen to a job: does the work and decides, but settles nothing (settlement.py does).

- classified, or found done (a duplicate), or its run is gone, or its pictures are by retention: ack.
- the object store or the database is away: later, by a delay queue (5 s, 30 s, then every 5 min, without end).
- unreadable message or newer version: park.
- it asks for a model that is not registered or is refused: park.
- no image of the run can be decoded: park, and the run is ``failed`` with the reason in words.
- the model crashes on it, or something unforeseen: give back, up to the delivery limit; then likewise.
- it ended its worker: the broker gives it to the next one, up to the delivery limit; then likewise.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import structlog

from proto.classification import Classification
from proto.errors import KrabbelError, MessageRefused, ModelNotFound, ModelRefused, Unavailable
from proto.job import ClassifyJob, JobPurpose, decode_job
from proto.run import RunStatus
from services.chassis import tracing
from services.chassis.broker import Delivery
from services.chassis.ledger import Ledger, RunState
from services.chassis.logging import get_logger
from services.chassis.runs import Runs
from services.chassis.topology import DELIVERY_LIMIT
from services.classifier.aggregate import NoReadableImage
from services.classifier.engine import Engine
from services.classifier.metrics import STAGE_SECONDS
from services.classifier.pipeline import ModelCrashed
from services.classifier.shelf import Shelf
from services.classifier.turns import Turns

PICTURES_GONE = "Retention removed the run's pictures; its result stays."
log = get_logger(__name__)


class Outcome(StrEnum):
    """How a delivery ends."""

    CLASSIFIED = "classified"
    DUPLICATE = "duplicate"
    GONE = "gone"
    RETRY = "retry"
    REQUEUED = "requeued"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Decision:
    """How a delivery shall end, and why (in words, for the log)."""

    outcome: Outcome
    reason: str | None = None
    job: ClassifyJob | None = None
    label: str | None = None
    """The run's class, if it has just been classified"""


@dataclass(slots=True)
class Tally:
    """What this worker has done since its start."""

    runs: int = 0
    images: int = 0


class Handler:
    """Turns deliveries into decisions."""

    def __init__(
        self,
        runs: Runs,
        ledger: Ledger,
        shelf: Shelf,
        *,
        job_timeout_s: float,
        note_verdict: Callable[[str], None] = lambda _run_id: None,
    ) -> None:
        """``note_verdict``: told the id of each run that has a new result; see previews.py."""
        self.tally = Tally()
        self._runs = runs
        self._ledger = ledger
        self._shelf = shelf
        self._job_timeout_s = job_timeout_s
        self._note_verdict = note_verdict
        self._turns = Turns()

    async def decide(self, delivery: Delivery) -> Decision:
        """Do the work and say how the delivery shall end. Raises nothing but cancellation."""
        try:
            job = decode_job(delivery.body, delivery.message_type, delivery.headers)
        except MessageRefused as error:
            return Decision(Outcome.PARKED, error.detail)
        with structlog.contextvars.bound_contextvars(run_id=job.run_id, camera_id=job.camera_id):
            if delivery.delivery_count >= DELIVERY_LIMIT:
                lost = f"It was tried {delivery.delivery_count} times, and each time its worker was lost."
                return await self._give_up(job, lost)
            try:
                async with asyncio.timeout(self._job_timeout_s), self._turns.turn(job.run_id):
                    with tracing.span(job.run_id, "classify", _carried(delivery), images=len(job.images)):
                        return await self._work(job)
            except Unavailable as error:
                return Decision(Outcome.RETRY, error.detail, job)
            except NoReadableImage as error:
                return await self._give_up(job, str(error), unless_gone=True)
            except (ModelNotFound, ModelRefused) as error:
                return await self._give_up(job, str(error))
            except Exception as error:
                log.error("job failed", exc_info=error, delivery_count=delivery.delivery_count)
                if delivery.delivery_count + 1 >= DELIVERY_LIMIT:
                    return await self._give_up(job, _in_words(error))
                return Decision(Outcome.REQUEUED, _in_words(error), job)

    async def _work(self, job: ClassifyJob) -> Decision:
        """Classify the run and store the result, unless that is done already."""
        STAGE_SECONDS.labels("queue_wait").observe(max(0.0, (datetime.now(UTC) - job.published_at).total_seconds()))
        async with self._shelf.use(job.model_id) as engine:
            model_id = engine.identity.model_id
            state = await self._ledger.state(job.run_id)
            if state is None:
                return Decision(Outcome.GONE, "The run is not in the database (any more).", job)
            if state.status is RunStatus.CLASSIFIED and state.model_id == model_id:
                return Decision(Outcome.DUPLICATE, None, job)
            if _pictures_gone(state):
                return Decision(Outcome.GONE, PICTURES_GONE, job)
            if job.purpose is JobPurpose.RECLASSIFY:
                return await self._reclassify(job, engine)
            classification = await engine.live.classify(job)
        return await self._store(job, classification, self._runs.complete)

    async def _reclassify(self, job: ClassifyJob, engine: Engine) -> Decision:
        """Classify a run with another model, unless that model has seen it before.

        The verdict of the model in use becomes the run's result; another model's is kept beside it.
        """
        in_use = engine.identity.model_id == self._shelf.current.identity.model_id
        earlier = await self._ledger.classification(job.run_id, engine.identity.model_id)
        if earlier is not None and not in_use:
            return Decision(Outcome.DUPLICATE, None, job)
        classification = earlier or await engine.background.classify(job)
        return await self._store(job, classification, self._runs.complete if in_use else self._ledger.keep)

    async def _store(
        self, job: ClassifyJob, classification: Classification, write: Callable[[Classification], Awaitable[bool]]
    ) -> Decision:
        started = time.perf_counter()
        with tracing.span(job.run_id, "write result", model_id=classification.model_id):
            known = await write(classification)
        STAGE_SECONDS.labels("write").observe(time.perf_counter() - started)
        if not known:
            return Decision(Outcome.GONE, "The run was deleted meanwhile.", job)
        self._note_verdict(job.run_id)
        self.tally.runs += 1
        self.tally.images += classification.result.images
        return Decision(Outcome.CLASSIFIED, None, job, classification.result.label)

    async def _give_up(self, job: ClassifyJob, reason: str, *, unless_gone: bool = False) -> Decision:
        """Mark the run failed; the job is parked. Where even that cannot be written, it is tried later.

        ``unless_gone``: not where retention took the pictures while the job was in hand.
        """
        try:
            if unless_gone and _pictures_gone(await self._ledger.state(job.run_id)):
                return Decision(Outcome.GONE, PICTURES_GONE, job)
            await self._runs.fail(job.run_id, reason)
        except Unavailable as error:
            return Decision(Outcome.RETRY, error.detail, job)
        return Decision(Outcome.PARKED, reason, job)


def _pictures_gone(state: RunState | None) -> bool:
    """Say whether there is nothing to look at any more, and need not be: the run has its result."""
    return state is not None and state.status is RunStatus.CLASSIFIED and state.pictures_gone


def _carried(delivery: Delivery) -> str | None:
    carried = delivery.headers.get(tracing.TRACEPARENT)
    return carried.decode("ascii", "replace") if isinstance(carried, bytes) else carried


def _in_words(error: Exception) -> str:
    """Return what the operator reads as the run's reason."""
    if isinstance(error, (ModelCrashed, KrabbelError)):
        return str(error)
    if isinstance(error, TimeoutError):
        return "It took too long."
    return f"Something unforeseen happened ({type(error).__name__}: {str(error)[:200]})."
