"""The entities that somebody asks about: rows of join keys, in any of the shapes that people have them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.features.keys import entity_key, key_problem

EntityRows = Sequence[Mapping[str, object]] | Mapping[str, Sequence[object]] | pa.Table
"""A list of rows, or columns of equal length, or an Arrow table. Columns nobody asks for are left alone."""

_TEXT = {str}


class EntityColumns:
    """Columns of join keys out of `rows`. Raises InvalidInput for rows that are none."""

    def __init__(self, rows: EntityRows) -> None:
        self._rows: Sequence[Mapping[str, object]] = ()
        self._columns: Mapping[str, Sequence[object]] = {}
        self._table: Any = rows if isinstance(rows, pa.Table) else None
        if self._table is not None:
            self.count = int(self._table.num_rows)
        elif isinstance(rows, Mapping):
            self._columns = rows
            self.count = _common_length(self._columns)
        elif isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
            self._rows = _checked_rows(rows)
            self.count = len(self._rows)
        else:
            hint = "give a list of rows, columns by name, or an Arrow table"
            raise InvalidInput(f"entity_rows is a {type(rows).__name__}", hint=hint)
        if not self.count:
            raise InvalidInput("entity_rows is empty", hint="give at least one row, e.g. [{'card_id': 'c1'}]")

    def names(self) -> list[str]:
        """The columns that there are; of rows, those of the first."""
        if self._table is not None:
            return list(self._table.column_names)
        return list(self._columns or self._rows[0])

    def column(self, name: str, reader: str) -> Sequence[object]:
        """Raises InvalidInput when it is missing from the rows or from one of them; `reader` is who needs it."""
        if self._table is not None and name in self._table.column_names:
            if self._table.column_names.count(name) > 1:
                raise InvalidInput(f"entity_rows has two columns {name!r}", hint="rename or drop one of them")
            return self._table.column(name).to_pylist()
        if name in self._columns:
            return self._columns[name]
        if self._rows:
            try:
                return [row[name] for row in self._rows]
            except KeyError:
                first = next(i for i, row in enumerate(self._rows, start=1) if name not in row)
                known = list(self._rows[first - 1])
                raise InvalidInput(f"row {first} has no {name!r}", hint=_hint(name, known, reader)) from None
        raise InvalidInput(f"entity_rows has no column {name!r}", hint=_hint(name, self.names(), reader))


def checked_keys(columns: Sequence[Sequence[object]], names: Sequence[str]) -> Sequence[str]:
    """One entity key per row. Raises InvalidInput, naming row and column, for a value that is no key."""
    if len(columns) == 1 and set(map(type, columns[0])) == _TEXT and "".join(columns[0]).isascii():  # type: ignore[arg-type]
        return columns[0]  # type: ignore[return-value]  # all of them are str
    keys: list[str] = []
    for number, parts in enumerate(zip(*columns, strict=True), start=1):
        try:
            keys.append(entity_key(parts))
        except InvalidInput as error:
            problems = zip(names, map(key_problem, parts), strict=True)
            name, problem = next((name, problem) for name, problem in problems if problem is not None)
            raise InvalidInput(f"row {number}, {name!r} is {problem}", hint=error.hint) from error
    return keys


def _checked_rows(rows: Sequence[Any]) -> Sequence[Mapping[str, object]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            hint = "a row is a mapping of join keys, e.g. {'card_id': 'c1'}"
            raise InvalidInput(f"row {number} of entity_rows is {row!r:.80}, a {type(row).__name__}", hint=hint)
    return rows


def _common_length(columns: Mapping[str, Sequence[object]]) -> int:
    for name, column in columns.items():
        if isinstance(column, str | bytes) or not hasattr(column, "__len__"):
            hint = "a column is a list of values, one for each row"
            raise InvalidInput(f"the column {name!r} of entity_rows is {column!r:.80}", hint=hint)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InvalidInput(f"the columns of entity_rows differ in length: {said}", hint="give one value for each row")
    return next(iter(lengths.values()), 0)


def _hint(name: str, known: Sequence[str], reader: str) -> str:
    near = get_close_matches(name, known, n=1)
    return f"{reader} is read by {name}" + (f"; is {near[0]!r} meant?" if near else "")
