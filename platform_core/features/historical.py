"""Point-in-time correct feature values for a list of past moments: what training, batch scoring and backtests read.

For each row of `entity_rows` (join keys, a tenant, a moment t) and each view, the visible feature row is the newest one
of that tenant and key with t - ttl <= event_ts <= t; `docs/point-in-time.md` says it in full. With `as_of="event"`, time
is event time: a row that a late event changed is seen as corrected, also for a t before that event arrived. With
`as_of="created"` a moment sees what had been written by then, so that a backtest sees no correction from its future.

Rows of a time that was quarantined later stay in the history as they were materialized.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog, FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.port import OfflineStore
from platform_core.features.point_in_time.entity_rows import EVENT_TIMESTAMP, TENANT, checked_rows, keys_of
from platform_core.features.point_in_time.join import KEYS, TIMES, Joined, visible_rows
from platform_core.features.point_in_time.moments import moments
from platform_core.features.point_in_time.newest import NO_ROW, AsOf
from platform_core.features.point_in_time.questions import Questions, questions
from platform_core.features.references import Reference, references
from platform_core.features.values import ARROW_TYPES, EPOCH

STATUS_SUFFIX = "__status"
_MICROSECOND = timedelta(microseconds=1)

Progress = Callable[[str, int], None]
"""Told, while a view is read, its name and how many rows of its history were read so far."""


@dataclass(frozen=True)
class ViewReport:
    view: str
    rows_read: int
    rows_from_the_future: int
    """Rows of the history that were left out because their event time lies after they were written."""


@dataclass(frozen=True)
class HistoricalFeatures:
    table: pa.Table
    views: tuple[ViewReport, ...]


def get_historical_features(
    offline: OfflineStore,
    catalog: Catalog,
    service_or_features: str | Sequence[str],
    entity_rows: pa.Table,
    *,
    as_of: AsOf = "event",
    tenant: str | None = None,
    full_names: bool = True,
    statuses: bool = False,
) -> pa.Table:
    """`entity_rows` with one column per feature: as many rows, in the same order, with the columns they had.

    `service_or_features` is the name of a feature service, or references `view:feature`. Columns are `view__feature`, or
    `feature` without `full_names`. `entity_rows` has `event_timestamp` (a timestamp with a zone), the join keys of each
    entity that the views describe, and `tenant` unless one is given here. A feature without a visible row is null; with
    `statuses`, a column `<feature column>__status` tells present, null, expired and missing apart, as online.

    Raises NotFound for an unknown service, view or feature and for a view that was never materialized, InvalidInput for
    entity rows that cannot be used, naming the column or the row, Unavailable when the history cannot be read.
    """
    return historical_features(
        offline,
        catalog,
        service_or_features,
        entity_rows,
        as_of=as_of,
        tenant=tenant,
        full_names=full_names,
        statuses=statuses,
    ).table


def historical_features(
    offline: OfflineStore,
    catalog: Catalog,
    service_or_features: str | Sequence[str],
    entity_rows: pa.Table,
    *,
    as_of: AsOf = "event",
    tenant: str | None = None,
    full_names: bool = True,
    statuses: bool = False,
    progress: Progress = lambda view, rows: None,
) -> HistoricalFeatures:
    """As `get_historical_features`, with what it came across on the way."""
    if as_of not in ("event", "created"):
        raise InvalidInput(f"as_of is {as_of!r}", hint="'event' or 'created'")
    wanted = references(catalog, service_or_features)
    names = _column_names(wanted, entity_rows, full_names, statuses)
    views = {r.view: catalog.feature_view(r.view) for r in wanted}
    entities = {view.entity: catalog.entity(view.entity) for view in views.values()}
    checked = checked_rows(entity_rows, tenant, entities.values())
    times = moments(checked[EVENT_TIMESTAMP], EVENT_TIMESTAMP)
    asked = {name: questions(checked[TENANT], keys_of(checked, entity), times) for name, entity in entities.items()}
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    reports: list[ViewReport] = []
    for view in views.values():
        features = {r.feature: names[r] for r in wanted if r.view == view.name}
        about = asked[view.entity]
        joined = _joined(offline, view, list(features), about, as_of, statuses, partial(progress, view.name))
        columns |= _columns(joined, about, features, len(entity_rows), statuses)
        reports.append(ViewReport(view.name, joined.read, joined.quarantined))
    for name in (name for r in wanted for name in _with_status(names[r], statuses)):
        entity_rows = entity_rows.append_column(name, columns[name])
    return HistoricalFeatures(entity_rows, tuple(reports))


def _with_status(name: str, statuses: bool) -> tuple[str, ...]:
    return (name, f"{name}{STATUS_SUFFIX}") if statuses else (name,)


def _column_names(
    wanted: Sequence[Reference], entity_rows: pa.Table, full_names: bool, statuses: bool
) -> dict[Reference, str]:
    names = {r: r.full_name if full_names else r.feature for r in wanted}
    taken: dict[str, str] = dict.fromkeys(entity_rows.column_names, "the entity rows")
    for reference, name in names.items():
        for column in _with_status(name, statuses):
            if column in taken:
                raise InvalidInput(
                    f"the column {column!r} of {reference} would be a second one: {taken[column]} has it",
                    hint="rename or drop the entity rows' own column" if full_names else "ask with full names",
                )
            taken[column] = str(reference)
    return names


def _joined(
    offline: OfflineStore,
    view: FeatureView,
    features: list[str],
    asked: Questions,
    as_of: AsOf,
    statuses: bool,
    progress: Callable[[int], None],
) -> Joined:
    table = offline_table(view.name)
    try:
        stored = offline.schema(table)
    except NotFound as error:
        hint = f"materialize it first: vigia features materialize {view.name} ({error.message})"
        raise NotFound(f"feature view {view.name!r} has no history", hint=hint) from error
    declared = {f.name: ARROW_TYPES[f.dtype] for f in view.fields}
    known = [f for f in features if f in stored.names]  # a view may gain a feature after its history was written
    schema = pa.schema([pa.field(f, stored.field(f).type) for f in known])
    start, end = _reach(asked, view.ttl, whole_past=statuses)
    joined = visible_rows(
        asked,
        lambda columns: offline.scan(table, start=start, end=end, columns=columns) if len(asked) else (),
        schema,
        [name for name in stored.names if name not in {*KEYS, *TIMES}],
        ttl=view.ttl,
        as_of=as_of,
        progress=progress,
    )
    rows = joined.rows
    for feature in (f for f in features if f not in known):
        rows = rows.append_column(feature, pa.nulls(len(rows), declared[feature]))
    return replace(joined, rows=rows)


def _reach(asked: Questions, ttl: timedelta, whole_past: bool) -> tuple[datetime | None, datetime | None]:
    """The event times that matter: [start, end). To tell expired from missing takes all the past."""
    if not len(asked):
        return None, None
    first, last = int(asked.ceiling.min()), int(asked.floor.max())
    return (None if whole_past else _datetime(first - ttl // _MICROSECOND)), _datetime(last + 1)


def _datetime(microseconds: int) -> datetime | None:
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:  # before the year 1 or after 9999: no bound
        return None


def _columns(
    joined: Joined, asked: Questions, features: Mapping[str, str], size: int, statuses: bool
) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Values, and statuses if wanted, in the order of the entity rows, by their names in the result."""
    row = np.full(size, NO_ROW)
    row[asked.order] = joined.answers.row
    taken = joined.rows.take(pa.array(row, mask=row == NO_ROW))
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    if statuses:
        known = np.zeros(size, np.bool_)
        known[asked.order] = joined.answers.known
    for feature, name in features.items():
        columns[name] = taken[feature]
        if statuses:
            null = taken[feature].is_null().to_numpy()
            text = np.select([~null, row != NO_ROW, known], ["present", "null", "expired"], "missing")
            columns[f"{name}{STATUS_SUFFIX}"] = pa.array(text, pa.string())
    return columns
