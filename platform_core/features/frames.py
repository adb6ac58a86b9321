"""Tables as programs have them, to and from Arrow: pandas, Polars, lists of dicts.

What Arrow would do silently is refused: it takes a Python datetime without a zone for UTC. Python datetimes of several
zones in one column are fine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.features.keys import key_problem

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    Tabular = pa.Table | pd.DataFrame | pl.DataFrame | Sequence[Mapping[str, Any]]


def to_arrow(rows: Tabular, what: str = "entity rows") -> pa.Table:
    """`rows` as an Arrow table; a pandas index is left out.

    Raises InvalidInput, naming the column and the row, for values that are no column of one type.
    """
    if isinstance(rows, pa.Table):
        return rows
    module = type(rows).__module__.partition(".")[0]  # neither library is imported for the sake of this question
    frame: Any = rows
    if module == "polars":
        return cast(pa.Table, frame.to_arrow())
    if module == "pandas":
        columns = {str(name): _pandas_column(frame[name], str(name), what) for name in frame.columns}
        return pa.table(columns) if columns else pa.table({})
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        return from_mappings(rows, what)
    raise InvalidInput(
        f"the {what} are a {type(rows).__name__}", hint="give an Arrow table, a pandas or Polars frame, or dicts"
    )


def to_pandas(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas()


def to_polars(table: pa.Table) -> pl.DataFrame:
    import polars as pl

    return cast(pl.DataFrame, pl.from_arrow(table))


def from_mappings(rows: Sequence[Any], what: str) -> pa.Table:
    """Dicts as rows; a key that one of them lacks is null there."""
    names: dict[str, None] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise InvalidInput(f"row {number} of the {what} is a {type(row).__name__}", hint="give dicts")
        names |= dict.fromkeys(str(name) for name in row)
    return pa.table({name: column_of([row.get(name) for row in rows], name, what) for name in names})


def _pandas_column(series: Any, name: str, what: str) -> pa.Array | pa.ChunkedArray:
    if series.dtype == object:
        return column_of(series.tolist(), name, what)
    try:
        return pa.Array.from_pandas(series)
    except pa.ArrowException as error:
        raise InvalidInput(f"the column {name!r} of the {what} is no column of one type: {error}") from error


def column_of(values: list[Any], name: str, what: str) -> pa.Array:
    """Python values as a column; times of any zones become UTC."""
    found = [v if isinstance(v, datetime) and v == v else None for v in values]  # noqa: PLR0124 - NaT is not itself
    if any(v is not None for v in found):
        for number, value in enumerate(found, start=1):
            if value is not None and value.tzinfo is None:
                raise InvalidInput(
                    f"row {number} of the {what} has a time without a zone in {name!r}: {value.isoformat()}",
                    hint="say which zone it is in, e.g. …+00:00",
                )
        values = [v if given is None else given.astimezone(UTC) for v, given in zip(values, found, strict=True)]
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        where, hint = _odd_one(values), "give text or numbers in all rows, or leave the column out"
        message = f"the column {name!r} of the {what} is no column of one type: {where or error}"
        raise InvalidInput(message, hint=hint) from error


def _odd_one(values: Sequence[Any]) -> str | None:
    """The first value that does not go with those before it, by its row (counted from 1)."""
    usual: type | None = None
    for number, value in enumerate(values, start=1):
        if isinstance(value, int | str) and (problem := key_problem(value)) is not None:
            return f"row {number} is {problem}"
        if usual is not None and value is not None and type(value) is not usual:
            return f"row {number} is {value!r:.80}, a {type(value).__name__}, after a {usual.__name__}"
        usual = usual if value is None else type(value)
    return None
