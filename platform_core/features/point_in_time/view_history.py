"""One view's history in the offline store, joined to the questions about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from foundation.errors import NotFound
from platform_core.catalog.specs import FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.port import OfflineStore
from platform_core.features.point_in_time.join import KEYS, TIMES, Joined, visible_rows
from platform_core.features.point_in_time.newest import AsOf
from platform_core.features.point_in_time.questions import Questions
from platform_core.features.values import ARROW_TYPES, EPOCH

_MICROSECOND = timedelta(microseconds=1)


def join_view(
    offline: OfflineStore,
    view: FeatureView,
    features: list[str],
    asked: Questions,
    *,
    as_of: AsOf,
    whole_past: bool,
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
    start, end = _reach(asked, view.ttl, whole_past)
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
