"""Point-in-time correct feature values for a list of past moments: what training, batch scoring and backtests read.

For each row of `entity_rows` (join keys, a tenant, a moment t) and each view, the visible feature row is the newest
one of that tenant and key with t - ttl <= event_ts <= t; `docs/point-in-time.md` says it in full. With `as_of="event"`,
time is event time: a row that a late event changed is seen as corrected, also for a t before that event arrived. With
`as_of="created"` a moment sees what had been written by then, so that a backtest sees no correction from its future.

Rows of a time that was quarantined later stay in the history as they were materialized.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog, FeatureView
from platform_core.features.frames import to_arrow
from platform_core.features.offline.port import OfflineStore
from platform_core.features.point_in_time.columns import answer_columns, column_names, with_status
from platform_core.features.point_in_time.entity_rows import EVENT_TIMESTAMP, TENANT, checked_rows, keys_of
from platform_core.features.point_in_time.join import Joined
from platform_core.features.point_in_time.moments import moments
from platform_core.features.point_in_time.newest import AsOf
from platform_core.features.point_in_time.questions import questions
from platform_core.features.point_in_time.view_history import join_view
from platform_core.features.references import references

if TYPE_CHECKING:
    from platform_core.features.frames import Tabular

_AT_ONCE = 2

Progress = Callable[[str, int], None]
"""Told, while a view is read, its name and how many rows of its history were read so far; by two threads in turn."""


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
    entity_rows: Tabular,
    *,
    as_of: AsOf = "event",
    tenant: str | None = None,
    full_names: bool = True,
    statuses: bool = False,
) -> pa.Table:
    """`entity_rows` with one column per feature: as many rows, in the same order, with the columns they had. They are
    an Arrow table, a pandas or Polars frame, or dicts.

    `service_or_features` is the name of a feature service, or references `view:feature`. Columns are `view__feature`,
    or `feature` without `full_names`. `entity_rows` has `event_timestamp` (a timestamp with a zone), the join keys of
    each entity that the views describe, and `tenant` unless one is given here. A feature without a visible row is null;
    with `statuses`, a column `<feature column>__status` tells present, null, expired and missing apart, as online.

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
    entity_rows: Tabular,
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
    rows = to_arrow(entity_rows)
    wanted = references(catalog, service_or_features)
    names = column_names(wanted, rows, full_names, statuses)
    views = {r.view: catalog.feature_view(r.view) for r in wanted}
    entities = {view.entity: catalog.entity(view.entity) for view in views.values()}
    checked = checked_rows(rows, tenant, entities.values())
    times = moments(checked[EVENT_TIMESTAMP], EVENT_TIMESTAMP)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="questions") as pool:
        sorting = {
            name: pool.submit(questions, checked[TENANT], keys_of(checked, entity), times)
            for name, entity in entities.items()
        }
        asked = {name: sorted_.result() for name, sorted_ in sorting.items()}
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    reports: list[ViewReport] = []

    def join(view: FeatureView) -> Joined:
        features = [r.feature for r in wanted if r.view == view.name]
        about, told = asked[view.entity], partial(progress, view.name)
        return join_view(offline, view, features, about, as_of=as_of, whole_past=statuses, progress=told)

    for view, joined in _beside_each_other(join, list(views.values())):
        features = {r.feature: names[r] for r in wanted if r.view == view.name}
        columns |= answer_columns(joined, asked[view.entity], features, len(rows), statuses)
        reports.append(ViewReport(view.name, joined.read, joined.quarantined))
    for name in (name for r in wanted for name in with_status(names[r], statuses)):
        rows = rows.append_column(name, columns[name])
    return HistoricalFeatures(rows, tuple(reports))


def _beside_each_other(
    join: Callable[[FeatureView], Joined], views: Sequence[FeatureView]
) -> Iterator[tuple[FeatureView, Joined]]:
    """The views' joins in their order, two at a time: while one computes the other decodes its files. More would not be
    faster and take more memory."""
    if len(views) < 2:
        yield from ((view, join(view)) for view in views)
        return
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="join") as pool:
        waiting = deque((view, pool.submit(join, view)) for view in views[:_AT_ONCE])
        left = iter(views[_AT_ONCE:])
        while waiting:
            view, joining = waiting.popleft()
            joined = joining.result()
            if (following := next(left, None)) is not None:
                waiting.append((following, pool.submit(join, following)))
            yield view, joined
