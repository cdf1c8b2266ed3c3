"""Which formats there are. The one list that the API, the jobs and the command line offer."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.query.exports.bundle import bundle
from services.query.exports.camtrap import camtrap
from services.query.exports.dwca import darwin_core
from services.query.exports.item import ExportContext
from services.query.exports.parquet import parquet
from services.query.exports.tables import all_lines, final_lines, ndjson_lines, predecessor_lines, table

Export = Callable[[AsyncIterator[Sequence[Any]], ExportContext], AsyncGenerator[bytes, None]]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format. ``file_name`` has ``{day}`` for the day of the export."""

    name: str
    title: str
    media_type: str
    file_name: str
    write: Export
    per_image: bool = False
    """Whether it needs what was said of each image."""
    places: bool = False
    """Whether every camera must have coordinates."""
    events: bool = False
    """Whether it reads runs as events (event.py), which is far quicker, and not as contracts."""

    def file_name_at(self, moment: datetime) -> str:
        """Return the name of a file made at this moment."""
        return self.file_name.format(day=moment.date().isoformat())


_ZIP, _CSV = "application/zip", "text/csv; charset=utf-8"
EXPORTS: dict[str, ExportFormat] = {
    item.name: item
    for item in (
        ExportFormat("csv", "The predecessor's table", _CSV, "krabbel-{day}.csv", table(predecessor_lines)),
        ExportFormat(
            "top1-final",
            "insect-detect: one row a run",
            _CSV,
            "krabbel-{day}_top1_final.csv",
            table(final_lines),
            per_image=True,
        ),
        ExportFormat(
            "top1-all",
            "insect-detect: one row a run and class",
            _CSV,
            "krabbel-{day}_top1_all.csv",
            table(all_lines),
            per_image=True,
        ),
        ExportFormat(
            "ndjson",
            "Runs as the API answers them",
            "application/x-ndjson",
            "krabbel-{day}.ndjson",
            table(ndjson_lines),
        ),
        ExportFormat(
            "parquet", "One typed row a run", "application/vnd.apache.parquet", "krabbel-{day}.parquet", parquet
        ),
        ExportFormat("zip", "Pictures and tables", _ZIP, "krabbel-{day}-images.zip", bundle, per_image=True),
        ExportFormat(
            "camtrap-dp",
            "Camtrap DP 1.0.2 data package",
            _ZIP,
            "krabbel-{day}-camtrap-dp.zip",
            camtrap,
            places=True,
            events=True,
        ),
        ExportFormat("dwca", "Darwin Core Archive for GBIF", _ZIP, "krabbel-{day}-dwca.zip", darwin_core),
    )
}
