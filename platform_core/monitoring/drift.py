"""A column's distribution moved: PSI of the newest rows against two weeks of history.

The bins are the deciles of the reference. Evidently's PSI uses equal-width bins over both samples, which puts nearly
all of a heavy-tailed amount into the first one; formula and the treatment of empty bins are the same.

After a rebaseline the reference is the first `BASELINE` rows since then, as far as they lie before the sample: the two
never share a row, as the PSI of a sample with itself is 0 whatever it holds. While they are too few it is blind.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from foundation.errors import Conflict, InvalidInput, NotFound
from platform_core.catalog.specs import DataSource
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import Kept
from platform_core.monitoring.statistics import Bins, Floats, chi_square_p, small_sample_psi
from platform_core.view import PlatformView

REFERENCE = timedelta(days=14)
REFERENCE_GAP = timedelta(hours=2)
"""The reference ends so long before now: what is being judged must not be in it."""

MINIMUM_REFERENCE = 500
BASELINE = 500
MINIMUM_BASELINE = 100
WINDOW = timedelta(minutes=15)
REACH = timedelta(minutes=45)
"""How far back a quiet source's sample may reach to be large enough."""

MINIMUM_ROWS = 60
SIGNIFICANCE = 1e-5


class DriftMonitor(Monitor):
    """`drift-<source>-<column>`; threshold: PSI, e.g. 0.25. Small samples must also be significant."""

    prefix = "drift"
    watched = "column"

    def __init__(self) -> None:
        super().__init__()
        self._references: Kept[Bins | None] = Kept(
            timedelta(hours=6), lambda bins: bins is not None and bins.size >= min(MINIMUM_REFERENCE, BASELINE)
        )
        self._drifted: set[str] = set()

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, column = watch.parts
        now = view.clock.now()
        source = view.catalog.source(name)
        since = watch.spec.baseline_since
        try:
            sample, begin = newest_values(view, source, column, now)
            bins = self._references.get(
                watch.name,
                since,
                now,
                lambda: (
                    usual_bins(view, source, column, now)
                    if since is None
                    else baseline_bins(view, source, column, since, begin)
                ),
            )
        except NotFound:
            return None
        if bins is None and since is not None:
            raise Conflict(
                f"fewer than {MINIMUM_BASELINE} rows of {name}.{column} lie between the baseline's beginning, "
                f"{since:%Y-%m-%d %H:%M} UTC, and the newest rows",
                hint="it is judged again when they have come in",
            )
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


def newest_values(view: PlatformView, source: DataSource, column: str, now: datetime) -> tuple[Floats, datetime]:
    """Non-null values of the last `WINDOW`, or of a longer stretch where that is needed for a sample, and the time of
    the first of its rows."""
    end = now + MAX_CLOCK_SKEW  # a wrong clock's row would be the newest for ever
    rows = _rows(view, source, column, now - REACH, end).sort_by(source.event_timestamp)
    if not len(rows):
        return np.zeros(0), now
    ages = rows[source.event_timestamp].to_numpy()
    recent = ages >= np.datetime64((now - WINDOW).replace(tzinfo=None))
    take = max(int(recent.sum()), min(MINIMUM_ROWS, len(rows)))
    newest = rows.slice(len(rows) - take)
    values = _numbers(newest, column)
    return values[~np.isnan(values)], newest[source.event_timestamp][0].as_py()


def usual_bins(view: PlatformView, source: DataSource, column: str, now: datetime) -> Bins | None:
    """Deciles of the usual reference; None while there is too little of it."""
    end = now - REFERENCE_GAP
    return _bins(_rows(view, source, column, end - REFERENCE, end), column)


def baseline_bins(view: PlatformView, source: DataSource, column: str, since: datetime, end: datetime) -> Bins | None:
    """Deciles of the first `BASELINE` rows with since <= event time < end; None while there are too few."""
    if end <= since:
        return None
    rows = _rows(view, source, column, since, end).sort_by(source.event_timestamp)
    return _bins(rows, column, first=BASELINE, minimum=MINIMUM_BASELINE)


def _rows(view: PlatformView, source: DataSource, column: str, start: datetime, end: datetime) -> pa.Table:
    at = source.event_timestamp
    return view.offline.read(source.table, start=start, end=end, columns=[at, column], time_column=at)


def _bins(rows: pa.Table, column: str, *, first: int | None = None, minimum: int = MINIMUM_REFERENCE) -> Bins | None:
    values = _numbers(rows, column)
    values = values[~np.isnan(values)][:first]
    return Bins.of(values) if len(values) >= minimum else None


def _numbers(rows: pa.Table, column: str) -> Floats:
    """The column with NaN for null. Raises InvalidInput when it does not hold numbers."""
    dtype = rows.schema.field(column).type
    if not (pa.types.is_floating(dtype) or pa.types.is_integer(dtype)):
        raise InvalidInput(f"column {column!r} holds {dtype}, not numbers", hint="drift is judged on numbers only")
    return rows[column].to_numpy().astype(np.float64)
