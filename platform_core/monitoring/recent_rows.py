"""The newest rows of a source, as the monitors of its quality read them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from foundation.errors import NotFound
from platform_core.catalog.specs import DataSource
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.view import PlatformView

WINDOW = timedelta(minutes=15)


def recent_rows(view: PlatformView, source: DataSource, columns: list[str], now: datetime) -> pa.Table | None:
    """Rows of the last `WINDOW` by event time; None while the table or a column of it is not there."""
    try:
        known = view.offline.schema(source.table).names
        if not set(columns) <= set(known):
            return None
        wanted = list(dict.fromkeys([source.event_timestamp, *columns]))
        end = now + MAX_CLOCK_SKEW
        return view.offline.read(
            source.table, start=now - WINDOW, end=end, columns=wanted, time_column=source.event_timestamp
        )
    except (NotFound, KeyError):
        return None
