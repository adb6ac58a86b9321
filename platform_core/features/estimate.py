"""What a backfill would take: rows counted in the source, seconds by the rate of past runs, money by both.

The rate is of the runs that recorded themselves on the timeline (`recorded_run`): events per second of the wall, the
median of the newest ones, of this view if it has any. Without any, a part of the work itself is computed and timed,
without writing it. The estimate says which.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from foundation.clock import Clock
from foundation.frozen import Frozen
from platform_core.catalog.specs import Catalog
from platform_core.features.chunks import chunks, event_times
from platform_core.features.history import feature_history
from platform_core.features.offline.port import OfflineStore
from platform_core.features.ranged import CHUNK_ROWS
from platform_core.features.target import Target, Targets
from platform_core.features.transformations import longest_window
from platform_core.features.values import microseconds, moment
from platform_core.operations.resources import ResourceReader
from platform_core.operations.timeline import ChangeEvent, OperationsReader
from platform_core.urn import urn

PAST = timedelta(days=365)
NEWEST = 9
PROBE_ROWS = 20_000
ENOUGH_EVENTS = 200
"""A run of fewer events says more about how long it takes to begin than about how long it takes."""


class Prices(Frozen):
    """What the platform is charged, USD. A store of one's own costs nothing a write; DynamoDB does."""

    machine_hour: float = Field(default=0.20, ge=0)
    million_online_writes: float = Field(default=0.0, ge=0)


class Estimate(Frozen):
    """Of one (view, tenant). `usd` is machine time and online writes; `events_per_second` is what `basis` says."""

    view: str
    tenant: str
    start: datetime
    end: datetime
    events: int
    """Source rows in [start, end): each makes a feature row."""

    rows_read: int
    """Those and what their windows reach back for."""

    chunks: int
    seconds: float
    usd: float
    events_per_second: float
    basis: str


class Estimator:
    def __init__(
        self,
        catalog: Catalog,
        offline: OfflineStore,
        resources: ResourceReader,
        operations: OperationsReader,
        clock: Clock,
        *,
        prices: Prices | None = None,
    ) -> None:
        self._targets = Targets(catalog, resources)
        self._offline = offline
        self._operations = operations
        self._clock = clock
        self._prices = prices or Prices()

    def backfill(self, view: str, start: datetime, end: datetime, tenant: str) -> Estimate:
        """Reads three columns of the source, and writes nothing. Raises InvalidInput, NotFound, Unavailable."""
        target = self._targets.find(view, tenant)
        times = event_times(self._offline, target, start - longest_window(target.view), end).times
        within = times[times >= microseconds(start)]
        pieces = list(chunks(within, start, end, CHUNK_ROWS)) if len(within) else []
        rate, basis = self._rate(target)
        if rate is None:
            rate, basis = self._probe(
                target, [int(t) for t in within[:: max(len(within) // PROBE_ROWS, 1)]], len(within)
            )
        seconds = len(within) / rate if rate else 0.0
        prices = self._prices
        return Estimate(
            view=view,
            tenant=tenant,
            start=start,
            end=end,
            events=len(within),
            rows_read=len(times),
            chunks=len(pieces),
            seconds=round(seconds, 1),
            usd=round(seconds / 3600 * prices.machine_hour + len(within) / 1e6 * prices.million_online_writes, 6),
            events_per_second=round(rate, 1),
            basis=basis,
        )

    def _rate(self, target: Target) -> tuple[float | None, str]:
        now = self._clock.now()
        past = self._operations.changes(now - PAST, now, kinds=["backfill", "job"])
        mine = urn("feature_view", target.view.name)
        for runs, whose in (
            ([c for c in past if c.subject == mine], "this view's"),
            (past, "other views'"),
        ):
            rates = _rates(runs)[-NEWEST:]
            if rates:
                return statistics.median(rates), f"median of {whose} last {len(rates)} runs"
        return None, ""

    def _probe(self, target: Target, sample: Sequence[int], events: int) -> tuple[float, str]:
        if not events:
            return 0.0, "nothing to do"
        # The newest stretch with about PROBE_ROWS events in it: a source is densest where it is newest.
        share = min(PROBE_ROWS / events, 1.0)
        first = sample[int(len(sample) * (1 - share))] if share < 1 else sample[0]
        began = time.perf_counter()
        rows = len(feature_history(self._offline, target, moment(first), moment(sample[-1] + 1)))
        seconds = max(time.perf_counter() - began, 1e-3)
        return rows / seconds, f"no past run: {rows} rows computed now in {seconds:.2f} s, and not written"


def _rates(changes: Sequence[ChangeEvent]) -> list[float]:
    """Events per second of the runs among `changes`, oldest first."""
    found: list[float] = []
    for change in changes:
        events, seconds = change.details.get("events"), change.details.get("wall_s")
        if (
            not isinstance(events, int)
            or not isinstance(seconds, int | float)
            or change.details.get("status") != "succeeded"
        ):
            continue
        if events >= ENOUGH_EVENTS and seconds > 0:
            found.append(events / seconds)
    return found
