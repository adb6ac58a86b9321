"""Tables as people have them, to and from Arrow: pandas, Polars, lists of dicts, files.

What Arrow would do silently is refused: it takes a Python datetime without a zone for UTC. Python datetimes of several
zones in one column are fine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from foundation.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

EntityRows = "pa.Table | pd.DataFrame | pl.DataFrame | Sequence[Mapping[str, Any]]"


def to_arrow(rows: Any, what: str = "entity rows") -> pa.Table:
    """`rows` (an EntityRows) as an Arrow table; a pandas index is left out.

    Raises InvalidInput, naming the column and the row, for values that are no column of one type.
    """
    if isinstance(rows, pa.Table):
        return rows
    module = type(rows).__module__.partition(".")[0]
    if module == "polars":
        return cast(pa.Table, rows.to_arrow())
    if module == "pandas":
        columns = {str(name): _pandas_column(rows[name], str(name), what) for name in rows.columns}
        return pa.table(columns) if columns else pa.table({})
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        return _from_mappings(cast("Sequence[Any]", rows), what)
    raise InvalidInput(
        f"the {what} are a {type(rows).__name__}", hint="give an Arrow table, a pandas or Polars frame, or dicts"
    )


def to_pandas(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas()


def to_polars(table: pa.Table) -> pl.DataFrame:
    import polars as pl

    return cast(pl.DataFrame, pl.from_arrow(table))


def to_parquet(table: pa.Table, path: Path) -> Path:
    """Writes the file whole or not at all; an existing one is replaced."""
    import pyarrow.parquet as pq

    with _whole(path) as part:
        pq.write_table(table, part)
    return path


def read_file(path: Path, what: str = "entity rows") -> pa.Table:
    """A `.parquet`, `.csv`, `.arrow`/`.feather` or `.jsonl` file. Times in text files are ISO 8601 with a zone.

    Raises NotFound, and InvalidInput for a file that is not what its name says.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r}", hint=f"the {what} come from a file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"{str(path)!r} is no kind of table", hint=f"known endings: {', '.join(sorted(_READERS))}")
    try:
        return reader(path, what)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error}", hint=f"is it a {path.suffix} file?") from error


def write_file(table: pa.Table, path: Path) -> Path:
    """As the file's name ends: `.parquet`, `.csv` or `.arrow`/`.feather`. Whole or not at all."""
    ending = path.suffix.lower()
    if ending not in WRITABLE:
        raise InvalidInput(f"{str(path)!r} is no kind of table", hint=f"known endings: {', '.join(WRITABLE)}")
    if ending == ".parquet":
        return to_parquet(table, path)
    import pyarrow.csv as csv
    import pyarrow.feather as feather

    with _whole(path) as part:
        if ending == ".csv":
            csv.write_csv(table, part)
        else:
            feather.write_feather(table, str(part), compression="lz4")
    return path


WRITABLE = (".parquet", ".csv", ".arrow", ".feather")
