"""The change stream of the run documents: what happened to which run, resumable by token."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError

from proto.errors import Unavailable
from services.chassis.database import Database, Document

_CANNOT_RESUME = {9, 40573, 40576, 40615, 50811, 72, 260, 280, 286}
"""Server's codes for "this resume token is nonsense" and "what lies behind it is no longer in the log"."""


class CannotResume(Exception):
    """The token is unknown, or too old: the reader has to read everything anew."""


@dataclass(frozen=True, slots=True)
class RunChange:
    """One change of one run.

    ``document`` is the run as it is now, which may be later than the change; ``status`` is what this change made it,
    None where it left the status alone; ``result_changed``: the machine's word or a person's did.
    """

    token: str
    at: datetime
    document: Document
    status: str | None
    result_changed: bool


class RunChanges:
    """A place in the stream of changes. ``token`` is the way back to it, and moves on even while nothing happens."""

    def __init__(self, database: Database, *, after: str | None = None, wait_s: float = 1.0) -> None:
        """``after``: start behind this token instead of now. ``wait_s``: how long one look waits for news."""
        self._database = database
        self._wait_ms = int(wait_s * 1000)
        self.token = after

    async def follow(self) -> AsyncIterator[RunChange | None]:
        """Yield changes for ever, and None first and whenever there is nothing new.

        Raises:
            CannotResume: the token is none, or what lies behind it is no longer known.
            Unavailable: the database is away. Call again: it goes on behind the last change.
        """
        pipeline = [{"$match": {"operationType": {"$in": ["insert", "update", "replace"]}}}]
        options: dict[str, Any] = {"full_document": "updateLookup", "max_await_time_ms": self._wait_ms}
        if self.token is not None:
            options["start_after"] = {"_data": self.token}
        try:
            async with self._database.runs.watch(pipeline, **options) as stream:
                while stream.alive:
                    change = await stream.try_next()
                    if stream.resume_token is not None:
                        self.token = stream.resume_token["_data"]
                    if change is None:
                        yield None
                    elif (document := change.get("fullDocument")) is not None:  # deleted since: nothing to tell
                        yield _run_change(change, document)
        except OperationFailure as error:
            if error.code in _CANNOT_RESUME:
                raise CannotResume(str(error.details.get("errmsg") if error.details else error)) from error
            raise Unavailable(f"The database is away ({type(error).__name__}).") from error
        except PyMongoError as error:
            raise Unavailable(f"The database is away ({type(error).__name__}).") from error


def _run_change(change: Document, document: Document) -> RunChange:
    updated = change.get("updateDescription", {}).get("updatedFields", document)
    at = change.get("wallTime") or change["clusterTime"].as_datetime()
    return RunChange(
        token=change["_id"]["_data"],
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        document=document,
        status=updated.get("status"),
        result_changed=any(name.partition(".")[0] in ("result", "verification") for name in updated),
    )
