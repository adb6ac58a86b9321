"""The newest rows of sampled keys in the offline history: what online values must be equal to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute

from foundation.errors import NotFound
from platform_core.catalog.specs import DataSource, FeatureView
from platform_core.features.direct import greatest_first
from platform_core.features.feature_rows import TIMESTAMP, offline_table
from platform_core.features.online.port import FeatureRow
from platform_core.features.target import source_spec
from platform_core.view import PlatformView

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

AWAITED = timedelta(minutes=15)
"""How long an online row may be ahead of the offline history, which is written at checkpoints."""

_TIMES = ("tenant", "key", "event_ts", "created_ts")


@dataclass(frozen=True, slots=True)
class RecordedRows:
    """By key the newest row at or after the sampled one. `until`: when the newest of all of them was created."""

    rows: Mapping[str, FeatureRow]
    until: datetime | None
    now: datetime

    def awaits(self, row: FeatureRow) -> bool:
        """Whether `row` may only not have been written offline yet."""
        newer = self.until is None or row.created_ts > self.until
        return newer and self.now - row.created_ts <= AWAITED


def recorded_rows(
    platform: PlatformView, view: FeatureView, source: DataSource, sample: Sequence[FeatureRow], taken: datetime
) -> RecordedRows | None:
    """Of the keys in `sample` (one at least), which was taken at `taken`: rows that were created later are not there
    yet, and those that a quarantine holds back do not count. None while the view has no history."""
    table, now = offline_table(view.name), platform.clock.now()
    try:
        known = platform.offline.schema(table).names
    except NotFound:
        return None
    features = [f.name for f in view.fields if f.name in known]
    start = min(row.event_ts for row in sample)
    end = source_spec(platform.resources, source.name).quarantine_since
    keys = pa.array({row.key for row in sample}, pa.string())
    batches = [
        rows.filter(_compute.is_in(rows["key"], value_set=keys))
        for batch in platform.offline.scan(table, start=start, end=end, columns=[*_TIMES, *features])
        if len(rows := _of_tenant(pa.Table.from_batches([batch]), source.tenant))
    ]
    if not batches:
        return RecordedRows({}, None, now)
    found = pa.concat_tables(batches, promote_options="permissive")
    latest = max(taken, *(row.created_ts for row in sample))
    found = found.filter(_compute.less_equal(found["created_ts"], pa.scalar(latest, TIMESTAMP)))
    newest = _newest(found, features)
    rows = {
        row["key"]: FeatureRow(row["key"], row["event_ts"], row["created_ts"], {f: row[f] for f in features})
        for row in newest.to_pylist()
    }
    return RecordedRows(rows, _compute.max(found["created_ts"]).as_py(), now)


def _of_tenant(rows: pa.Table, tenant: str) -> pa.Table:
    """Texts may come as dictionaries, which do not compare with texts."""
    for place, name in enumerate(_TIMES[:2]):
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(pa.string()))
        if place == 0:
            rows = rows.filter(_compute.equal(rows[name], tenant))
    return rows


def _newest(rows: pa.Table, features: Sequence[str]) -> pa.Table:
    order = ", ".join(["event_ts DESC", "created_ts DESC", *([greatest_first(features)] if features else [])])
    query = f"SELECT * FROM rows QUALIFY row_number() OVER (PARTITION BY key ORDER BY {order}) = 1"  # noqa: S608
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("rows", rows)
        return database.sql(query).to_arrow_table()
