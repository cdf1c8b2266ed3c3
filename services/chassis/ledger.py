"""What a worker must know of a job before it works on it: was it done already, and did it end workers before?"""

from collections.abc import Callable
from dataclasses import dataclass

from proto.classification import Classification
from proto.run import RunStatus
from services.chassis.completion import plain
from services.chassis.database import Database, available
from services.chassis.group_commit import NONE, GroupCommit, Patience

STATES = 64
"""Runs in one question at most"""


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands."""

    status: RunStatus
    model_id: str | None
    """Model of the run's result, if it has one"""
    pictures_gone: bool = False
    """Whether retention removed its pictures"""


class Ledger:
    """Small reads for the classifier. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database, patience: Callable[[], Patience] = lambda: NONE) -> None:
        """``patience``: how long a question waits for others, to be asked with them."""
        self._runs = database.runs
        self._classifications = database.classifications
        self._states = GroupCommit(self._states_of, most=STATES, patience=patience)

    async def state(self, run_id: str) -> RunState | None:
        """Return where a run stands; None for a run that is not there (any more).

        Questions that come together are one request to the database (see group_commit.py).
        """
        return await self._states.submit(run_id)

    async def _states_of(self, run_ids: list[str]) -> list[RunState | None]:
        query, fields = {"_id": {"$in": run_ids}}, {"status": 1, "result.model_id": 1, "pictures_gone.at": 1}
        documents = await available(lambda: self._runs.find(query, fields).to_list(None))
        found = {
            document["_id"]: RunState(
                RunStatus(document["status"]),
                (document.get("result") or {}).get("model_id"),
                document.get("pictures_gone") is not None,
            )
            for document in documents
        }
        return [found.get(run_id) for run_id in run_ids]

    async def classification(self, run_id: str, model_id: str) -> Classification | None:
        """Return what a model said of a run before, if it did."""
        document = await available(lambda: self._classifications.find_one({"_id": f"{run_id}:{model_id}"}))
        return None if document is None else Classification.model_validate(document)

    async def keep(self, classification: Classification) -> bool:
        """Keep what a model that is not in use says of a run, beside the run's result; the run itself stays as it is.

        Returns False where there is no such run.
        """
        if await self.state(classification.run_id) is None:
            return False
        key = f"{classification.run_id}:{classification.model_id}"
        document = plain(classification.model_dump(mode="python"))
        await available(lambda: self._classifications.replace_one({"_id": key}, document, upsert=True))
        return True
