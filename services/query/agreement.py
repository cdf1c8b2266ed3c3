"""How often people agree with the machine, by the machine's class. Plain code."""

from collections.abc import Mapping
from typing import Any

from proto.taxonomy import entry

Row = dict[str, Any]


def agreement(pairs: Mapping[tuple[str, str], int]) -> tuple[Row, list[Row]]:
    """Return the totals, and a row for each class of the machine, the most looked at first.

    ``pairs``: verified runs by (what the machine says now, what a person said). Only runs that somebody looked at
    count, and people look where they doubt: the share is no estimate for all runs.
    """
    by_machine: dict[str, dict[str, int]] = {}
    for (machine, person), runs in pairs.items():
        by_machine.setdefault(machine, {})[person] = runs
    rows = [_row(machine, said) for machine, said in by_machine.items()]
    rows.sort(key=lambda row: (-row["verified"], row["label"]))
    verified = sum(row["verified"] for row in rows)
    confirmed = sum(row["confirmed"] for row in rows)
    return _totals(verified, confirmed), rows


def _row(machine: str, said: Mapping[str, int]) -> Row:
    verified, confirmed = sum(said.values()), said.get(machine, 0)
    others = sorted(((label, runs) for label, runs in said.items() if label != machine), key=lambda o: (-o[1], o[0]))
    return {
        "label": machine,
        "is_insect": entry(machine).is_insect,
        **_totals(verified, confirmed),
        "corrected_to": [{"label": label, "runs": runs} for label, runs in others],
    }


def _totals(verified: int, confirmed: int) -> Row:
    return {
        "verified": verified,
        "confirmed": confirmed,
        "corrected": verified - confirmed,
        "share": confirmed / verified if verified else None,
    }
