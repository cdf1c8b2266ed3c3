"""What a worker must know of a job before it works on it: was it done already, and did it end workers before?"""

from dataclasses import dataclass

from proto.classification import Classification
from proto.run import RunStatus
from services.chassis.completion import plain
from services.chassis.database import Database, available


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands."""

    status: RunStatus
    model_id: str | None
    """Model of the run's result, if it has one"""


class Ledger:
    """Small reads for the classifier. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._runs = database.runs
        self._classifications = database.classifications

    async def state(self, run_id: str) -> RunState | None:
        """Return where a run stands; None for a run that is not there (any more)."""
        fields = {"status": 1, "result.model_id": 1}
        document = await available(lambda: self._runs.find_one({"_id": run_id}, fields))
        if document is None:
            return None
        return RunState(RunStatus(document["status"]), (document.get("result") or {}).get("model_id"))

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
