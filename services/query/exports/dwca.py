"""Darwin Core Archive for GBIF: the whole archive, written while the runs go by once."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import date

from services.query.exports.archive import Archive, Spool
from services.query.exports.dwca_rows import Multimedia, Occurrence, multimedia, occurrence
from services.query.exports.dwca_xml import eml, meta
from services.query.exports.item import Batches, ExportContext, ExportItem, interval
from services.query.exports.layout import TabLayout
from services.query.exports.place import Place, place_of
from services.query.exports.stream import streamed

OCCURRENCES, PICTURES = TabLayout(Occurrence._fields), TabLayout(Multimedia._fields)


class DarwinCoreWriter:
    """Occurrences go straight into the archive; their pictures' table is spooled; the rest is small."""

    def __init__(self, context: ExportContext) -> None:
        self._context = context
        self._archive = Archive(context.created_at)
        self._pictures = Spool()
        self._places: dict[str, Place | None] = {}
        self._names: dict[str, str] = {}
        self._days: tuple[date, date] | None = None
        self._left_out = 0
        self._demo = False

    def begin(self) -> bytes:
        """Begin the core, and the extension beside it."""
        self._pictures.write(PICTURES.header().encode())
        described = self._archive.table("meta.xml", meta())
        return described + self._archive.begin("occurrence.txt") + self._archive.write(OCCURRENCES.header().encode())

    def add(self, items: Sequence[ExportItem]) -> bytes:
        """Write those of some runs that are occurrences."""
        rows: list[Occurrence] = []
        for run, _ in items:
            row = occurrence(run, self._context)
            if row is None:
                self._left_out += 1
                continue
            rows.append(row)
            self._pictures.write(PICTURES.text(multimedia(run, self._context)).encode())
            self._names[row.scientificName] = row.taxonRank
            self._demo = self._demo or bool(run.result and run.result.demo_model)
            if run.camera_id not in self._places:
                self._places[run.camera_id] = place_of(self._context.cameras.get(run.camera_id))
            zone = self._context.zone(run.camera_id)
            first, last = (moment.astimezone(zone).date() for moment in interval(run))
            self._days = (min(first, self._days[0]), max(last, self._days[1])) if self._days else (first, last)
        return self._archive.write(OCCURRENCES.text(rows).encode())

    def end(self) -> Iterator[bytes]:
        """Yield the end of the core, the extension and the metadata."""
        yield self._archive.finish()
        yield from self._archive.spooled("multimedia.txt", self._pictures)
        places = [place for place in self._places.values() if place]
        metadata = eml(self._context, places, self._days, self._names, left_out=self._left_out, demo=self._demo)
        yield self._archive.table("eml.xml", metadata)
        yield self._archive.end()

    def close(self) -> None:
        """Remove the temporary file."""
        self._pictures.close()


def darwin_core(batches: Batches, context: ExportContext) -> AsyncGenerator[bytes, None]:
    """Yield the archive."""
    return streamed(DarwinCoreWriter(context), batches)
