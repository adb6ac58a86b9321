"""Joins answers with what became of them: by the request's id, or by entity and time.

Labels are read batch by batch, and of each only what may belong to the answers at hand is kept. Of several labels of
one request the newest counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from foundation.errors import NotFound
from platform_core.features.offline.port import OfflineStore
from platform_core.training.plan import Label

LABEL = "__label"
_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Labels:
    """Where labels are. By `label.key` = the request's id; with `entity` (a column of the label table) by that key and
    time instead: a label belongs to the entity's last request before it, if that is within `within`."""

    label: Label = field(default_factory=Label)
    entity: str | None = None
    within: timedelta = timedelta(hours=1)
    pseudonym: Callable[[str], str] = str


def labelled(rows: pl.DataFrame, offline: OfflineStore, labels: Labels, day: datetime, now: datetime) -> pl.DataFrame:
    """`rows` (answers of `day`) with the column LABEL: 1, 0, or null where nothing is known yet. Raises NotFound when
    no tenant of theirs has a table of labels."""
    # What became of a payment is told after it, whatever the clocks of the two say to the hour.
    window = day - timedelta(hours=1), now
    found = [_told(offline, labels, own, window) for own in rows.partition_by("tenant")]
    known = [frame for frame in found if frame is not None]
    if not known:
        table = labels.label.table
        raise NotFound(f"there is no table of labels {table!r}", hint="name it with --labels; {tenant} stands for each")
    return rows.join(pl.concat(known), on=("tenant", "request_id"), how="left")


def _told(
    offline: OfflineStore, labels: Labels, own: pl.DataFrame, window: tuple[datetime, datetime]
) -> pl.DataFrame | None:
    """tenant, request_id and LABEL of one tenant's answers; None without a table."""
    label, tenant = labels.label, own["tenant"][0]
    table, key = label.table.replace("{tenant}", tenant), labels.entity or label.key
    start, end = window
    kept = [pl.DataFrame(schema={"key": pl.String, LABEL: pl.Float64, "told": _TIME})]
    try:
        for batch in offline.scan(table, start=start, end=end, columns=[key, label.column, "event_ts"]):
            kept.append(_mine(batch, key, own, labels))
    except NotFound:
        return None
    told = pl.concat(kept).sort("told", LABEL)
    if labels.entity is None:
        told = told.unique("key", keep="last", maintain_order=True).rename({"key": "request_id"})
    else:
        told = _by_entity(told, own, labels.within)
    return told.select(pl.lit(tenant).alias("tenant"), "request_id", LABEL)


def _mine(batch: pa.RecordBatch, key: str, own: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    """Of a batch of labels those that may belong to the answers."""
    read: Any = pl.from_arrow(batch)
    frame: pl.DataFrame = read.select(
        pl.col(key).cast(pl.String).alias("key"),
        pl.col(labels.label.column).cast(pl.Float64).alias(LABEL),
        pl.col("event_ts").cast(_TIME).alias("told"),
    )
    if labels.entity is not None:
        hidden = [None if value is None else labels.pseudonym(value) for value in frame["key"].to_list()]
        frame = frame.with_columns(pl.Series("key", hidden, pl.String))
    mine = own["request_id" if labels.entity is None else "entity"].drop_nulls().unique().to_list()
    return frame.filter(pl.col("key").is_in(mine))


def _by_entity(told: pl.DataFrame, own: pl.DataFrame, within: timedelta) -> pl.DataFrame:
    """Each label with the request it belongs to."""
    asked = own.filter(pl.col("request_id").is_not_null() & pl.col("entity").is_not_null())
    asked = asked.select(pl.col("entity").alias("key"), pl.col("ts").cast(_TIME), "request_id").sort("ts")
    matched = told.join_asof(
        asked,
        left_on="told",
        right_on="ts",
        by="key",
        strategy="backward",
        tolerance=within,
        check_sortedness=False,  # both are sorted by time, which it cannot see with a `by`
    )
    return matched.filter(pl.col("request_id").is_not_null()).unique("request_id", keep="last", maintain_order=True)
