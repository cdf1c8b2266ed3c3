"""Dead letters as operators see them: why a job is parked, and whether work could still help."""

from proto.dead import DeadLetter
from proto.errors import RunNotFound
from proto.run import TrackingRun
from services.chassis.parked_message import ParkedMessage
from services.chassis.runs import Runs

RUN_GONE = "its run is not in the database (any more)"


async def letter_of(parked: ParkedMessage, runs: Runs) -> DeadLetter:
    """Return a parked message as operators see it."""
    run, job = await _run_of(parked, runs), parked.job
    reason = run.status_reason if run is not None and run.status_reason else parked.cause
    return DeadLetter(
        id=parked.parked_id,
        queue=parked.queue,
        run_id=parked.run_id,
        camera_id=job.camera_id if job else None,
        images=len(job.images) if job else None,
        reason=reason if run is not None or job is None else f"{parked.cause}; {RUN_GONE}",
        cause=parked.cause,
        obstacle=_obstacle(parked, run),
        parked_at=parked.parked_at,
        deliveries=parked.deliveries,
        job_version=parked.job_version,
    )


async def obstacle_of(parked: ParkedMessage, runs: Runs) -> str | None:
    """Return why sending a message to work again would help nobody; None where it may help."""
    return _obstacle(parked, await _run_of(parked, runs))


def _obstacle(parked: ParkedMessage, run: TrackingRun | None) -> str | None:
    if parked.job is None:
        return None  # a worker of a newer system may know it
    if run is None:
        return f"{RUN_GONE[0].upper()}{RUN_GONE[1:]}: there is nothing to classify."
    if not run.stored_images:
        return "The run's pictures were removed by retention: there is nothing to classify."
    return None


async def _run_of(parked: ParkedMessage, runs: Runs) -> TrackingRun | None:
    try:
        return None if parked.run_id is None else await runs.get(parked.run_id)
    except RunNotFound:
        return None
