"""A column's distribution moved: PSI of the newest rows against two weeks of history.

The bins are the deciles of the reference. Evidently's PSI uses equal-width bins over both samples, which puts nearly
all of a heavy-tailed amount into the first one; formula and the treatment of empty bins are the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from foundation.errors import InvalidInput, NotFound
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import Kept
from platform_core.monitoring.statistics import Bins, Floats, chi_square_p, small_sample_psi
from platform_core.view import PlatformView

REFERENCE = timedelta(days=14)
REFERENCE_GAP = timedelta(hours=2)
"""The reference ends so long before now: what is being judged must not be in it."""

MINIMUM_REFERENCE = 500
WINDOW = timedelta(minutes=15)
REACH = timedelta(minutes=45)
"""How far back a quiet source's sample may reach to be large enough."""

MINIMUM_ROWS = 60
SIGNIFICANCE = 1e-5


class DriftMonitor(Monitor):
    """`drift-<source>-<column>`; threshold: PSI, e.g. 0.25. Small samples must also be significant."""

    prefix = "drift"
    pieces = 2

    def __init__(self) -> None:
        super().__init__()
        self._references: Kept[Bins | None] = Kept(timedelta(hours=6))
        self._drifted: set[str] = set()

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, column = watch.parts
        now = view.clock.now()
        table = view.catalog.source(name).table
        try:
            since = watch.spec.baseline_since
            bins = self._references.get(watch.name, since, now, lambda: reference_bins(view, table, column, now, since))
            sample = newest_values(view, table, column, now)
        except NotFound:
            return None
        if bins is None or len(sample) < MINIMUM_ROWS:
            return None
        counts = bins.counts(sample)
        value = small_sample_psi(bins, counts)
        self.readings[watch.name] = value
        # once it was significant, the effect alone decides whether it goes on: no flapping from sample to sample
        certain = watch.name in self._drifted or chi_square_p(bins, counts) <= SIGNIFICANCE
        if value <= watch.spec.threshold or not certain:
            self._drifted.discard(watch.name)
            return None
        self._drifted.add(watch.name)
        return alert(
            watch,
            "drift",
            now=now,
            value=value,
            summary=f"{name}.{column}: PSI {value:.2f} over the last {len(sample)} rows, "
            f"limit {watch.spec.threshold:g}; median {np.median(sample):.6g}, usually {np.median(bins.edges):.6g}",
        )


def newest_values(view: PlatformView, table: str, column: str, now: datetime) -> Floats:
    """Non-null values of the last `WINDOW`, or of a longer stretch where that is needed for a sample."""
    rows = view.offline.read(table, start=now - REACH, columns=["event_ts", column])
    values = _numbers(rows, column)
    ages = rows["event_ts"].to_numpy()
    order = np.argsort(ages)
    values, ages = values[order], ages[order]
    recent = ages >= np.datetime64((now - WINDOW).replace(tzinfo=None))
    take = max(int(recent.sum()), min(MINIMUM_ROWS, len(values)))
    newest = values[len(values) - take :]
    return newest[~np.isnan(newest)]


def reference_bins(view: PlatformView, table: str, column: str, now: datetime, since: datetime | None) -> Bins | None:
    """Deciles of the reference window; None while there is too little after `since`."""
    end = now - REFERENCE_GAP if since is None else now
    start = end - REFERENCE if since is None else since
    rows = view.offline.read(table, start=start, end=end, columns=["event_ts", column])
    values = _numbers(rows, column)
    values = values[~np.isnan(values)]
    minimum = MINIMUM_REFERENCE if since is None else MINIMUM_ROWS
    return Bins.of(values) if len(values) >= minimum else None


def _numbers(rows: pa.Table, column: str) -> Floats:
    """The column with NaN for null. Raises InvalidInput when it does not hold numbers."""
    dtype = rows.schema.field(column).type
    if not (pa.types.is_floating(dtype) or pa.types.is_integer(dtype)):
        raise InvalidInput(f"column {column!r} holds {dtype}, not numbers", hint="drift is judged on numbers only")
    return rows[column].to_numpy().astype(np.float64)
