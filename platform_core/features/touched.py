"""The feature rows that a step of materialization has to compute, from a source's window."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from platform_core.features.direct import direct_as_of, is_direct
from platform_core.features.progress import Progress
from platform_core.features.source_rows import LATENESS
from platform_core.features.source_window import SourceWindow
from platform_core.features.target import KEY, Target
from platform_core.features.transformations import aggregate_as_of, interval, longest_window, quote
from platform_core.features.transformations import timestamp as literal


def touched_rows(target: Target, window: SourceWindow, before: Progress, after: Progress) -> pa.Table:
    """(key, event_ts, <features>) at each event whose row changes on the way from `before` to `after`.

    A new event changes the row at its own time and, where it is late, those of the same key's later events whose
    windows hold it. New are: arrivals between the watermarks that are not too late, rows that a changed mapping fills,
    and events that a quarantine releases. Events so old that `window` does not hold all of theirs are left out.
    """
    complete_from = literal(window.floor + longest_window(target.view))
    key, event_ts, events = KEY, quote(target.source.event_timestamp), target.keyed(window.relation)
    age = f"{quote(target.source.created_timestamp)} - {event_ts}"
    new = [f"(__version > {before.watermark} AND coalesce({age} <= {interval(LATENESS)}, true))"]
    if before.field_mapping != after.field_mapping:
        new.append("__mapped")
    if before.quarantine_since and (after.quarantine_since is None or after.quarantine_since > before.quarantine_since):
        new.append(f"{event_ts} >= {literal(before.quarantine_since)}")
    admitted = f"__version <= {after.watermark} AND {key} IS NOT NULL AND {event_ts} >= {complete_from}"
    if after.quarantine_since is not None:
        admitted += f" AND {event_ts} < {literal(after.quarantine_since)}"
    if is_direct(target.view):
        points = f"""(
  SELECT {key} AS point_key, {event_ts} AS point_ts FROM {events} WHERE {admitted} AND ({" OR ".join(new)}))"""  # noqa: S608
        return _rows(target, window, points, after.watermark)
    reach = interval(longest_window(target.view))
    points = f"""(
  WITH fresh AS (
    SELECT {key} AS key, min({event_ts}) AS since, max({event_ts}) + {reach} AS until
    FROM {events} WHERE {admitted} AND ({" OR ".join(new)}) GROUP BY {key})
  SELECT w.{key} AS point_key, w.{event_ts} AS point_ts
  FROM {events} w JOIN fresh
    ON w.{key} = fresh.key AND w.{event_ts} >= fresh.since AND w.{event_ts} < fresh.until
  WHERE {admitted})"""  # noqa: S608
    return _rows(target, window, points, after.watermark)


def restored_rows(target: Target, window: SourceWindow, since: datetime, after: Progress) -> pa.Table:
    """(key, event_ts, <features>) of every key with an event at or after `since`: its row under `after`'s quarantine.

    That is the row as of the key's newest event before the quarantine; a key without one (or with one so old that its
    row would have expired) gets the row of an empty window as of the last microsecond before.
    """
    assert after.quarantine_since is not None  # noqa: S101
    complete_from = literal(window.floor + longest_window(target.view))
    key, event_ts = KEY, quote(target.source.event_timestamp)
    cut = literal(after.quarantine_since)
    within = f"{event_ts} < {cut} AND {event_ts} >= {complete_from}"
    points = f"""(
  SELECT {key} AS point_key,
    coalesce(max({event_ts}) FILTER (WHERE {within}), {cut} - {interval(timedelta(microseconds=1))}) AS point_ts
  FROM {target.keyed(window.relation)} WHERE __version <= {after.watermark} AND {key} IS NOT NULL
  GROUP BY {key} HAVING max({event_ts}) >= {literal(since)})"""  # noqa: S608
    return _rows(target, window, points, after.watermark)


def _rows(target: Target, window: SourceWindow, points: str, watermark: int) -> pa.Table:
    condition, events = f"e.__version <= {watermark}", target.keyed(window.relation)
    if is_direct(target.view):
        query = direct_as_of(target, events=events, points=points, condition=condition)
    else:
        query = aggregate_as_of(target.view, target.columns, events=events, points=points, condition=condition)
    return window.database.sql(query).to_arrow_table()
