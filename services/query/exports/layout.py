"""From a row to its line: tables with many columns of which few are filled, written quickly, quoted by RFC 4180."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

AT_ONCE = 64
"""Lines that are put together, and checked, at once."""


class Layout:
    """Where the fields of a row stand among a table's columns.

    Nearly all lines need no quotes: a line is first put together plainly, and only one in which that went wrong (a text
    with a comma, a quote or a line break) is written by the ``csv`` module.
    """

    def __init__(self, columns: Sequence[str], fields: Sequence[str]) -> None:
        """``fields``: the filled columns, in the columns' order.

        Raises:
            ValueError: a field is no column, or the order differs.
        """
        if [column for column in columns if column in set(fields)] != list(fields):
            raise ValueError(f"fields {fields} do not stand in this order among {columns}")
        self.columns = tuple(columns)
        self._places = [fields.index(column) if column in fields else None for column in columns]
        self._template = ",".join("" if place is None else "%s" for place in self._places) + "\n"
        self._commas = len(columns) - 1
        self._width = len(fields)
        self._slice = AT_ONCE * len(fields)

    def header(self) -> str:
        """Return the first line."""
        return ",".join(self.columns) + "\n"

    def text(self, rows: Iterable[tuple[Any, ...]]) -> str:
        """Return the rows as lines."""
        return self.lines(list(chain.from_iterable(rows)))

    def lines(self, cells: Sequence[Any]) -> str:
        """Return rows, given as one row's fields after the other's, as lines."""
        return "".join(self._lines(cells[at : at + self._slice]) for at in range(0, len(cells), self._slice))

    def _lines(self, cells: Sequence[Any]) -> str:
        count = len(cells) // self._width
        text = self._template * count % tuple(cells)
        # A value can only add commas and breaks, so the right sums mean that every line is right.
        plain = text.count(",") == self._commas * count and text.count("\n") == count
        if plain and '"' not in text and "\r" not in text:
            return text
        return "".join(self._line(tuple(cells[at : at + self._width])) for at in range(0, len(cells), self._width))

    def _line(self, row: tuple[Any, ...]) -> str:
        line = self._template % row
        if line.count(",") == self._commas and line.count("\n") == 1 and '"' not in line and "\r" not in line:
            return line
        return self._quoted(row)

    def _quoted(self, row: tuple[Any, ...]) -> str:
        text = io.StringIO()
        values = ["" if place is None else row[place] for place in self._places]
        # All of them: the module leaves a lone carriage return unquoted.
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(values)
        return text.getvalue()


class TabLayout:
    """Tab-separated lines without quotes, as GBIF's own tools write them: breaks and tabs become spaces."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = tuple(fields)
        self._tabs = len(fields) - 1

    def header(self) -> str:
        """Return the first line."""
        return "\t".join(self._fields) + "\n"

    def text(self, rows: Iterable[tuple[str, ...]]) -> str:
        """Return the rows as lines."""
        lines = []
        for row in rows:
            line = "\t".join(row)
            if line.count("\t") != self._tabs or len(f"{line}|".splitlines()) > 1:
                line = "\t".join(" ".join(value.split()) for value in row)
            lines.append(line)
        return "\n".join(lines) + "\n" if lines else ""
