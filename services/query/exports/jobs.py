"""The jobs in the database. A job belongs to the process that beats for it; one that falls silent is taken over."""

from datetime import UTC, datetime, timedelta

from proto.errors import NotFound
from proto.export import ExportJob, ExportState
from services.chassis.database import Database, Document, available

LEASE = timedelta(seconds=90)
"""A running job of which nothing was heard for so long is begun anew by whoever finds it."""
MOST_ATTEMPTS = 3
_OPEN = [ExportState.WAITING.value, ExportState.RUNNING.value]


class ExportNotFound(NotFound):
    """No export has this id, or it has expired."""

    slug, title = "export-not-found", "There is no such export"


def from_document(document: Document) -> ExportJob:
    """Return the job in a document of collection ``export_jobs``."""
    return ExportJob.model_validate({**document, "job_id": document["_id"]})


class ExportJobs:
    """Repository of export jobs. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._jobs = database.handle["export_jobs"]

    async def add(self, job: ExportJob) -> None:
        """Store a new job."""
        document = job.model_dump(mode="python", exclude={"job_id"}) | {"_id": job.job_id, "state": job.state.value}
        document |= {"parameters": dict(job.parameters), "cameras": list(job.cameras)}
        await available(lambda: self._jobs.insert_one(document))

    async def get(self, job_id: str) -> ExportJob:
        """Return a job.

        Raises:
            ExportNotFound: there is none with this id.
        """
        document = await available(lambda: self._jobs.find_one({"_id": job_id}))
        if document is None:
            raise ExportNotFound(f"No export has the id {job_id!r}; finished ones are removed after a while.")
        return from_document(document)

    async def latest(self, limit: int = 50) -> list[ExportJob]:
        """Return the jobs that are not removed yet, newest first."""
        cursor = self._jobs.find().sort("created_at", -1).limit(limit)
        return [from_document(document) for document in await available(lambda: cursor.to_list(limit))]

    async def open_count(self) -> int:
        """Return how many jobs wait or run."""
        return await available(lambda: self._jobs.count_documents({"state": {"$in": _OPEN}}))

    async def claim(self, worker: str) -> ExportJob | None:
        """Take the job that waits longest, or one whose process fell silent; None where there is none."""
        now = datetime.now(UTC)
        query = {
            "$or": [
                {"state": ExportState.WAITING.value},
                {"state": ExportState.RUNNING.value, "beat_at": {"$lt": now - LEASE}},
            ]
        }
        change = {
            "$set": {"state": ExportState.RUNNING.value, "worker": worker, "beat_at": now, "runs_written": 0},
            "$inc": {"attempts": 1},
        }
        document = await available(
            lambda: self._jobs.find_one_and_update(query, change, sort=[("created_at", 1)], return_document=True)
        )
        return from_document(document) if document else None

    async def progress(self, job_id: str, worker: str, **fields: int | None) -> bool:
        """Tell how far a job is; False where it is not this process's (any more): then stop."""
        return await self._change(job_id, worker, {**fields, "beat_at": datetime.now(UTC)})

    async def finish(self, job_id: str, worker: str, keep: timedelta, **fields: int) -> bool:
        """``running -> done``."""
        return await self._end(job_id, worker, keep, {**fields, "state": ExportState.DONE.value})

    async def fail(self, job_id: str, worker: str, keep: timedelta, reason: str) -> bool:
        """``running -> failed``, with the reason in words."""
        return await self._end(job_id, worker, keep, {"state": ExportState.FAILED.value, "reason": reason})

    async def release(self, job_id: str, worker: str) -> bool:
        """``running -> waiting``: the process stops, or a store is away. It does not count as a try."""
        query = {"_id": job_id, "worker": worker, "state": ExportState.RUNNING.value}
        change = {"$set": {"state": ExportState.WAITING.value, "worker": None}, "$inc": {"attempts": -1}}
        return bool((await available(lambda: self._jobs.update_one(query, change))).matched_count)

    async def expired(self) -> list[str]:
        """Return the ids of the jobs whose time is over."""
        cursor = self._jobs.find({"expires_at": {"$lt": datetime.now(UTC)}}, {"_id": 1})
        return [document["_id"] for document in await available(lambda: cursor.to_list(100))]

    async def remove(self, job_id: str) -> None:
        """Forget a job."""
        await available(lambda: self._jobs.delete_one({"_id": job_id}))

    async def _end(self, job_id: str, worker: str, keep: timedelta, fields: Document) -> bool:
        now = datetime.now(UTC)
        return await self._change(job_id, worker, {**fields, "finished_at": now, "expires_at": now + keep})

    async def _change(self, job_id: str, worker: str, fields: Document) -> bool:
        query = {"_id": job_id, "worker": worker, "state": ExportState.RUNNING.value}
        result = await available(lambda: self._jobs.update_one(query, {"$set": fields}))
        return bool(result.matched_count)
