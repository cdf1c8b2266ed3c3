"""What a worker must know of a job before it works on it: was it done already, and did it end workers before?"""

from dataclasses import dataclass

from proto.run import RunStatus
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

    async def state(self, run_id: str) -> RunState | None:
        """Return where a run stands; None for a run that is not there (any more)."""
        fields = {"status": 1, "result.model_id": 1}
        document = await available(lambda: self._runs.find_one({"_id": run_id}, fields))
        if document is None:
            return None
        return RunState(RunStatus(document["status"]), (document.get("result") or {}).get("model_id"))
