"""Parquet: one row a run, typed, in row groups that are sent as they fill."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.query.exports.item import Batches, ExportContext, ExportItem, interval, is_doubted
from services.query.exports.observed import observed_run
from services.query.exports.place import place_of
from services.query.exports.stream import streamed

ROW_GROUP = 4096
"""Runs in one row group: what lies in memory until it is written."""
_MOMENT = pa.timestamp("us", tz="UTC")
COLUMNS: dict[str, Any] = {
    "run_id": pa.string(),
    "camera_id": pa.string(),
    "tracking_id": pa.string(),
    "source": pa.string(),
    "status": pa.string(),
    "started_at": _MOMENT,
    "ended_at": _MOMENT,
    "received_at": _MOMENT,
    "local_date": pa.date32(),
    "local_hour": pa.int8(),
    "duration_s": pa.float64(),
    "clock_doubted": pa.bool_(),
    "images": pa.int32(),
    "image_urls": pa.list_(pa.string()),
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "coordinate_uncertainty_m": pa.int32(),
    "observation_type": pa.string(),
    "scientific_name": pa.string(),
    "taxon_rank": pa.string(),
    "label": pa.string(),
    "is_insect": pa.bool_(),
    "certainty": pa.string(),
    "top1_images": pa.int32(),
    "classified_images": pa.int32(),
    "probability_mean": pa.float64(),
    "probability_weighted": pa.float64(),
    "runner_up": pa.string(),
    "runner_up_probability": pa.float64(),
    "model_id": pa.string(),
    "demo_model": pa.bool_(),
    "classified_at": _MOMENT,
    "machine_label": pa.string(),
    "verdict": pa.string(),
    "verified_by": pa.string(),
    "verified_at": _MOMENT,
    "pictures_gone_at": _MOMENT,
}
SCHEMA = pa.schema(list(COLUMNS.items()))


def row(item: ExportItem, context: ExportContext) -> tuple[Any, ...]:
    """Return the run as a row, in the order of :data:`COLUMNS`. Plain code."""
    run, result, said = item.run, item.run.result, item.run.verification
    start, end = interval(run)
    place, seen = place_of(context.cameras.get(run.camera_id)), observed_run(run)
    told: tuple[Any, ...] = (None,) * 9
    if result:
        second = result.runner_up
        told = (
            result.certainty.value,
            result.top1_images,
            result.images,
            result.probability_mean,
            result.probability_weighted,
            second.label if second else None,
            second.probability if second else None,
            result.model_id,
            result.demo_model,
        )
    return (
        run.run_id,
        run.camera_id,
        run.tracking_id,
        run.source.value,
        run.status.value,
        start,
        end,
        run.received_at,
        run.local_date,
        run.local_hour,
        run.duration_s,
        is_doubted(run),
        len(run.images),
        [context.image_url(image.object_key) for image in run.stored_images],
        place.latitude if place else None,
        place.longitude if place else None,
        place.uncertainty_m if place and place.uncertainty_m else None,
        seen.kind,
        seen.name or None,
        seen.rank or None,
        run.label,
        run.is_insect,
        *told,
        result.classified_at if result else None,
        result.label if result else None,
        said.verdict.value if said else None,
        said.verified_by if said else None,
        said.verified_at if said else None,
        run.pictures_gone.at if run.pictures_gone else None,
    )


class _Sink:
    """A file that only remembers what was written since it was last asked."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Nothing to do: the pieces are taken, not flushed."""

    def close(self) -> None:
        """Nothing to do: there is no file."""

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class ParquetWriter:
    """Gathers runs until a row group is full."""

    def __init__(self, context: ExportContext) -> None:
        self._context = context
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), SCHEMA, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []

    def begin(self) -> bytes:
        """Return the file's first bytes."""
        return self._sink.take()

    def add(self, items: Sequence[ExportItem]) -> bytes:
        """Return a row group when one has become full."""
        self._rows += [row(item, self._context) for item in items]
        while len(self._rows) >= ROW_GROUP:
            group, self._rows = self._rows[:ROW_GROUP], self._rows[ROW_GROUP:]
            self._write(group)
        return self._sink.take()

    def end(self) -> Iterator[bytes]:
        """Yield the last row group and the footer."""
        if self._rows:
            self._write(self._rows)
        self._writer.close()
        yield self._sink.take()

    def close(self) -> None:
        """Do nothing: there is no temporary file."""

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        columns = zip(*rows, strict=True)
        arrays = [pa.array(values, kind) for values, kind in zip(columns, COLUMNS.values(), strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), row_group_size=ROW_GROUP)


def parquet(batches: Batches, context: ExportContext) -> AsyncGenerator[bytes, None]:
    """Yield the file."""
    return streamed(ParquetWriter(context), batches)
