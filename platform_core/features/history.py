"""Feature rows at every event of a stretch of a source: the offline history, and what a backfill compares with it."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from foundation.errors import NotFound
from platform_core.features.direct import direct_at_events, greatest_first, is_direct
from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.port import OfflineStore
from platform_core.features.source_rows import catalog_rows, first_delivered, stored_since
from platform_core.features.target import Target
from platform_core.features.transformations import aggregate_at_events, longest_window, quote
from platform_core.features.transformations import timestamp as literal

_LEAST_NORMAL = 2.2250738585072014e-308


def feature_history(
    offline: OfflineStore,
    target: Target,
    start: datetime | None,
    end: datetime | None,
    *,
    newest_only: bool = False,
) -> pa.Table:
    """(key, event_ts, created_ts, <features>) at each event of the source with start <= event_ts < end.

    `created_ts` is the event's own: when the row would have been materialized. Windows reach back beyond `start`. An
    event delivered twice counts once; quarantined events do not count. `newest_only`: of a view without aggregations
    one row per (key, event_ts), not each correction as it was created.
    """
    view, source, spec = target.view, target.source, target.spec
    first = None if start is None else start - longest_window(view)
    known = {c.name for c in source.columns} | set(spec.field_mapping.values())
    columns = [name for name in offline.schema(source.table).names if name in known]
    stored = stored_since(
        lambda time: offline.read(source.table, start=first, end=end, columns=columns, time_column=time),
        source,
        spec.field_mapping,
        columns,
    )
    event_ts = quote(source.event_timestamp)
    kept = "true" if spec.quarantine_since is None else f"{event_ts} < {literal(spec.quarantine_since)}"
    events = target.keyed(f"(SELECT * FROM stored WHERE {kept} {first_delivered(source)})")  # noqa: S608
    if is_direct(view):
        query = direct_at_events(target, events=events, newest_only=newest_only)
    else:
        query = aggregate_at_events(view, target.columns, events=events)
    if start is not None:
        query = f"SELECT * FROM ({query}) WHERE event_ts >= {literal(start)}"  # noqa: S608
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("stored", catalog_rows(stored, source, spec.field_mapping))
        return database.sql(query).to_arrow_table()


def differing(offline: OfflineStore, view: str, rows: pa.Table, start: datetime, end: datetime) -> pa.Table:
    """The rows that the offline history lacks or holds with other values (beyond rounding: 1e-9 relative)."""
    try:
        existing = offline.read(offline_table(view), start=start, end=end)
    except NotFound:
        return rows
    features = [n for n in rows.column_names if n not in {"tenant", "key", "event_ts", "created_ts"}]
    missing = [n for n in features if n not in existing.column_names]
    if missing or not len(existing):
        return rows
    same = " AND ".join(_same(quote(f), rows.schema.field(f).type) for f in features) or "true"
    newest_first = ", ".join(["created_ts DESC", *([greatest_first(features)] if features else [])])
    query = f"""
WITH newest AS (
  SELECT * FROM existing QUALIFY row_number() OVER (PARTITION BY tenant, key, event_ts ORDER BY {newest_first}) = 1)
SELECT r.* FROM rows r ANTI JOIN newest e
  ON e.tenant = r.tenant AND e.key = r.key AND e.event_ts = r.event_ts AND {same}"""  # noqa: S608
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("existing", existing)
        database.register("rows", rows)
        return database.sql(query).to_arrow_table()


def _same(feature: str, dtype: pa.DataType) -> str:
    equal = f"e.{feature} IS NOT DISTINCT FROM r.{feature}"
    if not pa.types.is_floating(dtype):
        return equal
    # Below the least normal double there are fewer digits than that.
    return f"({equal} OR abs(e.{feature} - r.{feature}) <= greatest(1e-9 * abs(r.{feature}), {_LEAST_NORMAL}))"
