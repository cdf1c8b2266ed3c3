"""Flat tables: the predecessor's CSV, insect-detect's, and NDJSON."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from proto.run import TrackingRun
from services.query import legacy
from services.query.exports.insect_detect import ALL_COLUMNS, FINAL_COLUMNS, Row, all_rows, final_rows
from services.query.exports.item import Batches, ExportContext, ExportItem
from services.query.exports.stream import streamed


def predecessor_view(run: TrackingRun) -> Mapping[str, Any]:
    """Return the run in the form that services/query/legacy.py reads."""
    result = run.result
    return {
        "camera_id": run.camera_id,
        "tracking_id": run.tracking_id,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "sort_at": run.sort_at,
        "local_date": run.local_date.isoformat(),
        "duration_s": run.duration_s,
        "images": [{"sha256": i.sha256, "file_name": i.file_name, "object_key": i.object_key} for i in run.images],
        "label": run.label,
        "verification": {"label": run.verification.label} if run.verification else None,
        "result": {"probability_mean": result.probability_mean} if result else None,
        "pictures_gone": {"kept": run.pictures_gone.kept} if run.pictures_gone else None,
    }


def zones_of(context: ExportContext) -> legacy.Zones:
    """Return the cameras' zones in the form that services/query/legacy.py reads."""
    return legacy.Zones({camera_id: camera.timezone for camera_id, camera in context.cameras.items()})


class LinesWriter:
    """A table in one file: a first line, and some lines a run."""

    def __init__(self, header: bytes, lines: Callable[[ExportItem], bytes]) -> None:
        self._header, self._lines = header, lines

    def begin(self) -> bytes:
        """Return the first line."""
        return self._header

    def add(self, items: Sequence[ExportItem]) -> bytes:
        """Return the lines of some runs."""
        return b"".join(map(self._lines, items))

    def end(self) -> Iterator[bytes]:
        """Yield nothing: the table has no end of its own."""
        yield b""

    def close(self) -> None:
        """Do nothing: there is no temporary file."""


def csv_lines(rows: Iterable[Row]) -> bytes:
    """Return rows as CSV; no text in it is run as a formula by a spreadsheet."""
    return b"".join(legacy.csv_line(list(row)) for row in rows)


def predecessor_lines(context: ExportContext) -> LinesWriter:
    """Return the writer of the predecessor's table: of the runs that are classified, as all were there."""
    zones = zones_of(context)

    def line(item: ExportItem) -> bytes:
        if item.run.result is None:
            return b""
        return legacy.csv_line(list(legacy.row_of(predecessor_view(item.run), zones).values()))

    return LinesWriter(legacy.csv_line(list(legacy.COLUMNS)), line)


def final_lines(context: ExportContext) -> LinesWriter:
    """Return the writer of ``*_top1_final.csv``."""
    return LinesWriter(csv_lines([FINAL_COLUMNS]), lambda item: csv_lines(final_rows(item, context)))


def all_lines(context: ExportContext) -> LinesWriter:
    """Return the writer of ``*_top1_all.csv``."""
    return LinesWriter(csv_lines([ALL_COLUMNS]), lambda item: csv_lines(all_rows(item, context)))


def ndjson_lines(_context: ExportContext) -> LinesWriter:
    """Return the writer of NDJSON: each line a run as ``GET /api/v1/runs`` answers it."""
    return LinesWriter(b"", lambda item: item.run.model_dump_json().encode() + b"\n")


def table(
    lines: Callable[[ExportContext], LinesWriter],
) -> Callable[[Batches, ExportContext], AsyncGenerator[bytes, None]]:
    """Return the export that streams a table."""
    return lambda batches, context: streamed(lines(context), batches)
