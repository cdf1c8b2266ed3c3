"""What came of an import, for people and as a table."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from krabbel.importer.found import Candidate, Skipped
from krabbel.importer.taking import Outcome, Taken

SHOWN = 20


@dataclass(slots=True)
class Report:
    """Counts, and everything that was not imported or not completely."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    labelled: int = 0
    queued: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, skipped: Skipped) -> None:
        """Note what is no run."""
        self.outcomes[Outcome.SKIPPED] += 1
        self.skipped.append(skipped)

    def add(self, candidate: Candidate, taken: Taken) -> None:
        """Note what came of a run."""
        self.outcomes[taken.outcome] += 1
        self.labelled += taken.labelled
        self.queued += taken.queued
        if taken.outcome is Outcome.SKIPPED:
            self.skipped.append(Skipped(candidate.place, taken.reason, taken.detail))
        elif taken.outcome is Outcome.IMPORTED:
            self.skipped += [Skipped(candidate.place, "picture left out", text) for text in taken.left_out]
            self.skipped += [Skipped(candidate.place, "note", note) for note in candidate.notes]

    def write(self, path: Path) -> None:
        """Write all that was skipped or noted as CSV."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("place", "reason", "detail"))
            writer.writerows((item.place, item.reason, item.detail) for item in self.skipped)

    def show(self, console: Console, *, dry_run: bool) -> None:
        """Print the summary and the first of what was skipped."""
        table = Table(title="Would be imported (dry run)" if dry_run else "Import", show_header=False)
        for outcome in Outcome:
            table.add_row(outcome.value, str(self.outcomes[outcome]))
        table.add_row("with their old label", str(self.labelled))
        if not dry_run:
            table.add_row("queued for the active model", str(self.queued))
        for reason, count in sorted(Counter(item.reason for item in self.skipped).items()):
            table.add_row(f"  {reason}", str(count))
        console.print(table)
        for item in self.skipped[:SHOWN]:
            console.print(f"{item.place}: {item.reason}{': ' if item.detail else ''}{item.detail}", markup=False)
        if len(self.skipped) > SHOWN:
            console.print(f"… and {len(self.skipped) - SHOWN} more; --report FILE writes them all.")
