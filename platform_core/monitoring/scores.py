"""An endpoint's decisions moved: it declines far more than it usually does, whichever version answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from foundation.errors import Conflict
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import Kept
from platform_core.monitoring.statistics import binomial_tail, dispersion
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

REFERENCE = timedelta(days=4)
REFERENCE_GAP = timedelta(hours=1)
MINIMUM_REFERENCE = 500
BASELINE = 2000
"""Predictions that a baseline is made of after a rebaseline: they hold some 30 declines."""

MINIMUM_BASELINE = 200
WINDOW = timedelta(minutes=20)
MINIMUM_PREDICTIONS = 30
MINIMUM_EXCESS = 0.03
SIGNIFICANCE = 1e-6


@dataclass(frozen=True, slots=True)
class _Usual:
    rate: float
    dispersion: float
    settled: bool


class ScoreShiftMonitor(Monitor):
    """`score-<endpoint>`; threshold: how many times the usual decline rate, e.g. 3. Needs three points more, too."""

    prefix = "score"
    watched = "endpoint"

    def __init__(self) -> None:
        super().__init__()
        self._usual: Kept[_Usual | None] = Kept(timedelta(hours=6), lambda usual: usual is not None and usual.settled)
        self._shifted: set[str] = set()

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        _kind, endpoint = parse_urn(watch.spec.subject)
        now = view.clock.now()
        since = watch.spec.baseline_since
        usual = self._usual.get(
            watch.name,
            since,
            now,
            lambda: _usual(view, endpoint, now) if since is None else _baseline(view, endpoint, since, now - WINDOW),
        )
        if usual is None and since is not None:
            raise Conflict(
                f"fewer than {MINIMUM_BASELINE} predictions of {endpoint} lie between the baseline's beginning, "
                f"{since:%Y-%m-%d %H:%M} UTC, and the newest {WINDOW.total_seconds() / 60:.0f} minutes",
                hint="it is judged again when they have come in",
            )
        rows = view.predictions.read(now - WINDOW, now + timedelta(seconds=1), endpoint=endpoint)
        count = rows.num_rows
        if usual is None or count < MINIMUM_PREDICTIONS:
            return None
        declined = int(_declined(rows).sum())
        rate = declined / count
        self.readings[watch.name] = rate
        if rate < max(usual.rate * watch.spec.threshold, usual.rate + MINIMUM_EXCESS):
            self._shifted.discard(watch.name)
            return None
        # over-dispersed counts carry as much information as that many fewer independent ones
        successes, trials = int(declined / usual.dispersion), round(count / usual.dispersion)
        # once it was significant, the effect alone decides whether it goes on
        if watch.name not in self._shifted and binomial_tail(successes, trials, usual.rate) > SIGNIFICANCE:
            return None
        self._shifted.add(watch.name)
        minutes = int(WINDOW.total_seconds() // 60)
        return alert(
            watch,
            "score_shift",
            now=now,
            value=rate,
            severity="critical",
            summary=f"{endpoint} declines {rate:.1%} of {count} payments in {minutes} min, usually {usual.rate:.1%}",
        )


def _usual(view: PlatformView, endpoint: str, now: datetime) -> _Usual | None:
    end = now - REFERENCE_GAP
    rows = view.predictions.read(end - REFERENCE, end, endpoint=endpoint)
    return _rate(rows, settled=True) if rows.num_rows >= MINIMUM_REFERENCE else None


def _baseline(view: PlatformView, endpoint: str, since: datetime, end: datetime) -> _Usual | None:
    """Of the first `BASELINE` predictions since the rebaseline, as far as they lie before the window that is judged."""
    if end <= since:
        return None
    rows = view.predictions.read(since, end, endpoint=endpoint).sort_by("ts").slice(0, BASELINE)
    return _rate(rows, settled=rows.num_rows == BASELINE) if rows.num_rows >= MINIMUM_BASELINE else None


def _rate(rows: pa.Table, *, settled: bool) -> _Usual:
    """The decline rate of the reference and how it scatters from one window to the next."""
    declined = _declined(rows)
    window = rows["ts"].cast(pa.int64()).to_numpy() // int(WINDOW.total_seconds() * 1e6)
    window = (window - window.min()).astype(np.int64)
    # never less than two declines' worth: a quiet reference is not proof that none ever happen
    rate = max(float(declined.sum()), 2.0) / rows.num_rows
    declines, trials = np.bincount(window, weights=declined), np.bincount(window)
    return _Usual(rate, dispersion(declines.astype(np.float64), trials.astype(np.float64)), settled)


def _declined(rows: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return rows["declined"].to_numpy().astype(np.float64)
