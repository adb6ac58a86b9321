"""Views without aggregations: a feature row is the event's own columns, as they are.

Of several events of one key at the same time the one created last counts: a correction is the same event time, created
later. Of those created together it is the one with the greatest values, as in a point-in-time join.
"""

from __future__ import annotations

from collections.abc import Iterable

from platform_core.catalog.specs import FeatureView
from platform_core.features.target import KEY, Target
from platform_core.features.transformations import quote


def direct_as_of(target: Target, *, events: str, points: str, condition: str = "true") -> str:
    """SQL: one row (key, event_ts, <features>) for each row of `points` (point_key, point_ts): the event's of exactly
    that key and time, nulls where there is none. `condition` restricts the events (alias e)."""
    event_ts = f"e.{quote(target.source.event_timestamp)}"
    features = ", ".join(f"e.{quote(f.name)}" for f in target.view.fields)
    return f"""
SELECT p.point_key AS key, p.point_ts AS event_ts, {features}
FROM (SELECT DISTINCT point_key, point_ts FROM {points}) p
LEFT JOIN {events} e ON e.{KEY} = p.point_key AND {event_ts} = p.point_ts AND ({condition})
QUALIFY row_number() OVER (PARTITION BY p.point_key, p.point_ts ORDER BY {_newest_first(target, "e.")}) = 1"""  # noqa: S608


def direct_at_events(target: Target, *, events: str, newest_only: bool) -> str:
    """SQL: (key, event_ts, created_ts, <features>) of each row of `events` that has a key; of each (key, event_ts) only
    the newest, or all as they were created."""
    source = target.source
    features = ", ".join(quote(f.name) for f in target.view.fields)
    order = _newest_first(target, "")
    only = f"QUALIFY row_number() OVER (PARTITION BY key, event_ts ORDER BY {order}) = 1" if newest_only else ""
    return f"""
SELECT {KEY} AS key, {quote(source.event_timestamp)} AS event_ts, {quote(source.created_timestamp)} AS created_ts,
  {features}
FROM {events} e WHERE {KEY} IS NOT NULL {only}"""  # noqa: S608


def is_direct(view: FeatureView) -> bool:
    return not view.aggregations


def greatest_first(features: Iterable[str], prefix: str = "") -> str:
    """SQL's order of rows of one event and created time, the one that counts first: feature by feature in the order of
    their names, null being the smallest. The same in point-in-time joins and in the online stores."""
    return ", ".join(f"{prefix}{quote(name)} DESC NULLS LAST" for name in sorted(features))


def _newest_first(target: Target, prefix: str) -> str:
    created = f"{prefix}{quote(target.source.created_timestamp)} DESC NULLS LAST"
    return f"{created}, {greatest_first((f.name for f in target.view.fields), prefix)}"
