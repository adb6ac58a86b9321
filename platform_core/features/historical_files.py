"""Historical features from file to file, in memory that does not grow with the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from foundation.errors import InvalidInput, Unavailable
from foundation.frozen import Frozen
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import HistoricalFeatures, historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.features.point_in_time.entity_rows import TENANT
from platform_core.features.point_in_time.newest import AsOf
from platform_core.features.table_files import WRITABLE, read_file, whole, write_file

CHUNK = 4_000_000
"""Entity rows at a time. Each chunk reads the history once: larger ones are faster, smaller ones take less memory."""

Report = Callable[[str, int, int], None]
"""Told (what is being read, rows of it so far, entity rows done)."""


class HistoricalFile(Frozen):
    """What was written, and what was come across on the way."""

    path: str
    rows: int
    columns: tuple[str, ...]
    rows_read: dict[str, int]
    """Of each view's history."""

    rows_from_the_future: dict[str, int]
    """Left out: their event time lies after they were written."""


def historical_file(
    offline: OfflineStore,
    catalog: Catalog,
    service_or_features: str | Sequence[str],
    entities: Path,
    out: Path,
    *,
    as_of: AsOf = "event",
    tenant: str | None = None,
    full_names: bool = True,
    statuses: bool = False,
    chunk: int = CHUNK,
    report: Report = lambda what, rows, done: None,
    allowed: Callable[[str], None] = lambda tenant: None,
) -> HistoricalFile:
    """Writes the entity rows of `entities` with the features to `out`, whole or not at all. From Parquet to Parquet it
    goes chunk by chunk; other kinds of files are held in memory.

    `allowed` is asked for every tenant before anything of it is read; what it raises ends the work.

    Raises as `get_historical_features`, InvalidInput or NotFound for either file, Unavailable when writing fails.
    """
    if out.suffix.lower() not in WRITABLE:
        raise InvalidInput(f"{str(out)!r} is no kind of table", hint=f"known endings: {', '.join(WRITABLE)}")
    read: dict[str, int] = {}
    future: dict[str, int] = {}
    done = 0
    granted: set[str] = set()

    def answer(rows: pa.Table) -> pa.Table:
        nonlocal done
        for asked in _tenants(rows) if tenant is None else [tenant]:
            if asked not in granted:
                allowed(asked)
                granted.add(asked)
        found: HistoricalFeatures = historical_features(
            offline,
            catalog,
            service_or_features,
            rows,
            as_of=as_of,
            tenant=tenant,
            full_names=full_names,
            statuses=statuses,
            progress=lambda view, so_far: report(view, so_far, done),
        )
        done += len(rows)
        for view in found.views:
            read[view.view] = read.get(view.view, 0) + view.rows_read
            future[view.view] = max(future.get(view.view, 0), view.rows_from_the_future)
        return found.table

    try:
        if entities.suffix.lower() == ".parquet" == out.suffix.lower():
            columns = _in_chunks(entities, out, chunk, answer)
        else:
            table = answer(read_file(entities))
            write_file(table, out)
            columns = table.column_names
    except OSError as error:
        raise Unavailable(f"could not write {str(out)!r}: {error}", hint="is there room, and may we write?") from error
    return HistoricalFile(path=str(out), rows=done, columns=tuple(columns), rows_read=read, rows_from_the_future=future)


def _tenants(rows: pa.Table) -> list[str]:
    """Of entity rows; none where they have no such column, which the join says."""
    if TENANT not in rows.column_names:
        return []
    return [str(tenant) for tenant in rows[TENANT].unique().to_pylist() if tenant is not None]


def _in_chunks(entities: Path, out: Path, chunk: int, answer: Callable[[pa.Table], pa.Table]) -> list[str]:
    import pyarrow.parquet as pq

    with whole(out) as part:
        writer: pq.ParquetWriter | None = None
        columns: list[str] = []
        try:
            for rows in _chunks(entities, chunk):
                table = answer(rows)
                writer, columns = writer or pq.ParquetWriter(part, table.schema), table.column_names
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()
        return columns


def _chunks(path: Path, size: int) -> Iterator[pa.Table]:
    """At least one, an empty one for a file without rows."""
    import pyarrow.parquet as pq

    if not path.is_file():
        read_file(path)  # says what is wrong
    try:
        file = pq.ParquetFile(path)
        pending: list[pa.RecordBatch] = []
        count = 0
        for batch in file.iter_batches(batch_size=min(size, 1 << 17)):
            pending.append(batch)
            count += len(batch)
            if count >= size:
                yield pa.Table.from_batches(pending)
                pending, count = [], 0
        if pending or not file.metadata.num_rows:
            yield pa.Table.from_batches(pending, file.schema_arrow)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error}", hint="is it a .parquet file?") from error
